FUZZ_ipc := tests/fuzz/ipc.c ipc/vhost_user.c ipc/vhost_user_backend.c ipc/virtqueue.c ipc/virtqueue_mem.c
