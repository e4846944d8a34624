# lguest-record and lguest-replay: what a back end received, and the same again (docs/recording.md).
$(eval $(call program,lguest-record,tests/replay/record.o tests/replay/recording.o run/text.o $(IPC_WIRE)))
$(eval $(call program,lguest-replay,tests/replay/replay.o tests/replay/recording.o $(IPC_WIRE)))
$(eval $(call program,replay-load,tests/replay/load.o tests/lib/blkdrv.o tests/lib/driver.o $(IPC_FRONTEND)))

CHECKS += replay
CHECKS_BESIDE += replay
.PHONY: $(R)/replay.tap
$(R)/replay.tap: $(B)/lguest-record $(B)/lguest-replay $(B)/lguest-block $(B)/replay-load
	@mkdir -p $(@D)
	tests/replay/check $(B) > $@ || grep -q '^not ok' $@
