FUZZ_ipc := tests/fuzz/ipc.c ipc/vhost_user.c ipc/vhost_user_backend.c devices/virtqueue.c devices/virtqueue_mem.c
