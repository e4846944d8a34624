# Tests of the block role and of policy/ (included by tests/hostile/build.mk). They start the released programs, sandbox and
# all, and so are not built with sanitizers, whose run time makes system calls of its own.
POLICY_TEST_OBJS := $(POLICY_OBJS) $(POLICY_ALL_OBJS)
$(B)/tests/unit/block_%: $(B)/tests/unit/block_%.o $(addprefix $(B)/,tests/bench/blkdrv.o $(IPC_FRONTEND))
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ -lcriterion
$(B)/tests/unit/policy_%: $(B)/tests/unit/policy_%.o $(addprefix $(B)/,tests/bench/blkdrv.o $(IPC_FRONTEND) $(POLICY_TEST_OBJS))
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ -lcriterion -lmd -luring $(POLICY_LIBS)

# $(call role_tests,GROUP,PROGRAM): a Criterion program as a group of `make check`.
define role_tests
CHECKS += $(1)
.PHONY: $(R)/$(1).tap
$(R)/$(1).tap: $(B)/tests/unit/$(2) $(B)/lguest-block $(B)/lguest-console
	@mkdir -p $$(@D)
	BLOCK_BIN=$(B)/lguest-block BIN_DIR=$(B) $$< --quiet --tap=$$@ || grep -q "^not ok" $$@
endef
$(eval $(call role_tests,block-requests,block_requests))
$(eval $(call role_tests,policy-manifest,policy_manifest))
$(eval $(call role_tests,policy-audit,policy_audit))

# kill -9 of the role under verified I/O, a hundred times: buffered, direct, and without io_uring.
CHECKS += block-crash
.PHONY: $(R)/block-crash.tap check-block-crash
$(R)/block-crash.tap: $(B)/lguest-block $(BLKFE)
	@mkdir -p $(@D); truncate -s 64M $(R)/crash.img
	for o in --num-queues=1 --direct --no-io-uring; do \
		if $(BLKFE) crash 100 $(B)/lguest-block $(R)/crash.img $$o > $@.log 2>&1; then echo "ok crash $$o"; \
		else echo "not ok crash $$o"; fi; sed 's/^/# /' $@.log; done > $@
	rm -f $(R)/crash.img
check-block-crash: $(R)/block-crash.tap ## kill -9 lguest-block 300 times under verified I/O
	@cat $<; ! grep -q '^not ok' $<
