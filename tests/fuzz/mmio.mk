FUZZ_mmio := tests/fuzz/mmio.c core/decode.c core/virtio_mmio.c
