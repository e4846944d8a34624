# lguest-record and lguest-replay at work (record/).
$(eval $(call program,replay-load,tests/replay/load.o tests/lib/blkdrv.o tests/lib/driver.o $(IPC_FRONTEND)))

CHECKS += replay
CHECKS_BESIDE += replay
.PHONY: $(R)/replay.tap
$(R)/replay.tap: $(B)/lguest-record $(B)/lguest-replay $(B)/lguest-block $(B)/replay-load
	@mkdir -p $(@D)
	tests/replay/check $(B) > $@ || grep -q '^not ok' $@
