# Unit tests of the block role and of policy/ (included by tests/hostile/build.mk).
BLOCK_TESTS := $(B)/tests/unit/block_requests
$(B)/tests/unit/block_%: $(B)/tests/unit/block_%.o $(addprefix $(B)/,tests/bench/blkdrv.o $(IPC_FRONTEND))
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ -lcriterion
