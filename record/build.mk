# lguest-record and lguest-replay: what a back end received, and the same again (docs/recording.md).
$(eval $(call program,lguest-record,record/record.o record/inflight.o record/recording.o run/text.o run/folder.o $(IPC_WIRE) $(POLICY_OBJS) $(call role_objs,record),$(POLICY_LIBS)))
$(eval $(call program,lguest-replay,record/replay.o record/recording.o $(IPC_WIRE)))
