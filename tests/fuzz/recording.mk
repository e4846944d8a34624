FUZZ_recording := tests/fuzz/recording.c tests/replay/recording.c ipc/vhost_user.c ipc/vhost_user_backend.c ipc/virtqueue.c ipc/virtqueue_mem.c
