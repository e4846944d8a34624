FUZZ_recording := tests/fuzz/recording.c record/recording.c $(IPC_BACKEND:.o=.c) $(VIRTQUEUE:.o=.c)
