FUZZ_ipc := tests/fuzz/ipc.c $(IPC_BACKEND:.o=.c) $(VIRTQUEUE:.o=.c)
