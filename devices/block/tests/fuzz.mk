# The loop of this target is its own: operations on an image end in an order and with results that the input picks.
FUZZ_block := devices/block/tests/fuzz.c $(call fuzz_sources,block,image)
FUZZ_block_FLAGS := -Dpreadv=fuzz_preadv -Dpwritev=fuzz_pwritev -Dfdatasync=fuzz_fdatasync -Dfallocate=fuzz_fallocate
