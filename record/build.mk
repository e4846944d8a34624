# lguest-record and lguest-replay: what a back end received, and the same again (docs/recording.md).
$(eval $(call program,lguest-record,record/record.o record/carry.o record/mirror.o record/inflight.o record/out.o record/recording.o run/text.o run/folder.o $(IPC_WIRE) $(IPC_UNMAP) $(POLICY_OBJS) $(call role_objs,record),$(POLICY_LIBS)))
$(eval $(call program,lguest-replay,record/replay.o record/recording.o $(IPC_WIRE)))
