# Console and net as whole programs under our own front end.
ROLES := $(B)/tests/frontend/roles
$(ROLES): $(addprefix $(B)/,tests/frontend/roles.o tests/lib/driver.o $(IPC_FRONTEND))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^

CHECKS += roles
CHECKS_ALONE += roles epochs block-requests block-crash
.PHONY: $(R)/roles.tap
$(R)/roles.tap: $(ROLES) $(B)/lguest-console $(B)/lguest-net
	@mkdir -p $(@D)
	$(ROLES) $(B) > $@ || grep -q "^not ok" $@

# The core's own device.c around real roles, and one that holds requests back: drivers come and go while roles are killed.
EPOCHS := $(B)/tests/frontend/epochs
$(EPOCHS): $(addprefix $(B)/,tests/frontend/epochs.o core/device.o core/virtio_mmio.o core/memory.o $(IPC_FRONTEND))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -Wl,--wrap=ioctl -o $@ $^ -pthread
$(B)/tests/frontend/held: $(addprefix $(B)/,tests/frontend/held.o $(BACKEND_OBJS) $(call role_objs,block))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ $(BACKEND_LIBS)
$(B)/tests/frontend/slowdisk.so: tests/frontend/slowdisk.c
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE -std=gnu11 -O2 $(WARN) -shared -fPIC -o $@ $<

CHECKS += epochs
.PHONY: $(R)/epochs.tap
$(R)/epochs.tap: $(EPOCHS) $(B)/tests/frontend/held $(B)/tests/frontend/slowdisk.so $(B)/lguest-block $(B)/lguest-console
	@mkdir -p $(@D)
	$(EPOCHS) $(B) > $@ || grep -q "^not ok" $@

# $(call role_tests,GROUP,PROGRAM): a Criterion program as a group of `make check`. These start the released programs, sandbox and
# all, and so are not built with sanitizers, whose run time makes system calls of its own.
define role_tests
CHECKS += $(1)
.PHONY: $(R)/$(1).tap
$(R)/$(1).tap: $(B)/tests/$(2) $(B)/lguest-block $(B)/lguest-console
	@mkdir -p $$(@D)
	BLOCK_BIN=$(B)/lguest-block BIN_DIR=$(B) $$< --quiet --tap=$$@ || grep -q "^not ok" $$@
endef

$(B)/tests/frontend/block_requests: $(addprefix $(B)/,tests/frontend/block_requests.o tests/lib/blkdrv.o tests/lib/driver.o $(IPC_FRONTEND))
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ -lcriterion
$(eval $(call role_tests,block-requests,frontend/block_requests))

# kill -9 of the role under verified I/O, a hundred times: buffered, direct, and without io_uring.
CHECKS += block-crash
.PHONY: $(R)/block-crash.tap check-block-crash
$(R)/block-crash.tap: $(B)/lguest-block $(BLKFE)
	@mkdir -p $(@D); truncate -s 64M $(R)/crash.img
	. tests/lib/tap.sh; for o in --num-queues=1 --direct --no-io-uring; do \
		$(BLKFE) crash 100 $(B)/lguest-block $(R)/crash.img $$o > $@.log 2>&1; check $$? "crash $$o"; quoted $@.log; done > $@
	rm -f $(R)/crash.img
check-block-crash: $(R)/block-crash.tap ## kill -9 lguest-block 300 times under verified I/O
	@cat $<; ! grep -q '^not ok' $<
