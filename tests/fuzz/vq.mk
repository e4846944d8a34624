FUZZ_vq := tests/fuzz/vq.c tests/fuzz/guest.c tests/lib/fake_loop.c ipc/virtqueue.c ipc/virtqueue_mem.c
