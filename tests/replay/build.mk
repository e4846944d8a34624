# lguest-record and lguest-replay at work (record/).
$(eval $(call program,replay-load,tests/replay/load.o tests/lib/blkdrv.o tests/lib/driver.o $(IPC_FRONTEND)))

CHECKS += replay
CHECKS_BESIDE += replay
.PHONY: $(R)/replay.tap
$(R)/replay.tap: $(B)/lguest-record $(B)/lguest-replay $(B)/lguest-block $(B)/replay-load
	@mkdir -p $(@D)
	tests/replay/check $(B) > $@ || grep -q '^not ok' $@

# lguest-run --record, around the module and the guest that tests/peers plays. It needs root.
CHECKS += replay-launched
CHECKS_WAITING += replay-launched
.PHONY: $(R)/replay-launched.tap
$(R)/replay-launched.tap: $(PEERS)/fake/lguest-core $(PEERS)/peer $(B)/probe launch-programs
	@mkdir -p $(@D)
	B=$(B) tests/replay/launched > $@ || grep -q '^not ok' $@
