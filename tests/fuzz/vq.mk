FUZZ_vq := tests/fuzz/vq.c tests/fuzz/guest.c tests/lib/fake_loop.c $(VIRTQUEUE:.o=.c)
