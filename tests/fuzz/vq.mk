FUZZ_vq := tests/fuzz/vq.c tests/fuzz/guest.c tests/fuzz/fake_loop.c devices/virtqueue.c devices/virtqueue_mem.c
