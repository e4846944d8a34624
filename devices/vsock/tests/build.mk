# lguest-vsock between a Linux guest and the test host: bytes, connections by the thousand, a role that is killed.
PROGRAMS += $(B)/vsock-peer
$(B)/vsock-peer: devices/vsock/tests/peer.c tests/lib/tap.h
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE -std=gnu11 -O2 $(WARN) -I. -static -o $@ $<

# The same program natively, with a guest that is played.
CHECKS += vsock-rows vsock
CHECKS_WAITING += vsock-rows
.PHONY: $(R)/vsock-rows.tap
$(R)/vsock-rows.tap: $(B)/lguest-vsock
	@mkdir -p $(@D)
	devices/vsock/tests/rows.py $(B) > $@ || grep -q '^not ok' $@

.PHONY: $(R)/vsock.tap
$(R)/vsock.tap: $(B)/vsock-peer launch-programs module
	@mkdir -p $(@D)
	devices/vsock/tests/check > $@ || grep -q '^not ok' $@
