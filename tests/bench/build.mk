# The native block front end, its benchmark and its crash test.
BLKFE := $(B)/tests/bench/blkfe
$(BLKFE): $(addprefix $(B)/,tests/bench/blkfe.o tests/bench/blkdrv.o $(IPC_FRONTEND))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^
