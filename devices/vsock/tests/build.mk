# lguest-vsock between a Linux guest and the test host: bytes, connections by the thousand, a role that is killed.
PROGRAMS += $(B)/vsock-peer
$(B)/vsock-peer: devices/vsock/tests/peer.c tests/lib/tap.h
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE -std=gnu11 -O2 $(WARN) -I. -static -o $@ $<

$(eval $(call unit_device,vsock,vsock,packet.o conn.o))

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

# Beside a socket pair: a part of `make bench`
$(eval $(call program,bench-vsock,devices/vsock/tests/bench.o tests/lib/driver.o $(IPC_FRONTEND)))
.PHONY: bench-vsock-report
bench: bench-vsock-report
bench-vsock-report: $(B)/lguest-vsock $(B)/bench-vsock ## lguest-vsock beside a socket pair: rates, CPU a message, latencies
	tests/bench/report.py vsock $(B)
