FUZZ_rng := $(call fuzz_device,rng)
FUZZ_rng_FLAGS := -Dgetrandom=fuzz_getrandom
