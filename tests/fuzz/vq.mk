FUZZ_vq := tests/fuzz/vq.c tests/fuzz/guest.c tests/fuzz/fake_loop.c ipc/virtqueue.c ipc/virtqueue_mem.c
