FUZZ_recording := tests/fuzz/recording.c tests/replay/recording.c $(IPC_BACKEND:.o=.c) $(VIRTQUEUE:.o=.c)
