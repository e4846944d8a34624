# Unit tests of the block role and of policy/ (included by tests/hostile/build.mk).
BLOCK_TESTS := $(B)/tests/unit/block_requests $(B)/tests/unit/policy_manifest $(B)/tests/unit/policy_audit
POLICY_TEST_OBJS := $(POLICY_OBJS) $(foreach r,block block-sync net console,policy/role-$(r).o policy/filter-$(r).o)
$(B)/tests/unit/block_%: $(B)/tests/unit/block_%.o $(addprefix $(B)/,tests/bench/blkdrv.o $(IPC_FRONTEND))
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ -lcriterion
$(B)/tests/unit/policy_%: $(B)/tests/unit/policy_%.o $(addprefix $(B)/,tests/bench/blkdrv.o $(IPC_FRONTEND) $(POLICY_TEST_OBJS))
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ -lcriterion -lmd $(POLICY_LIBS)
