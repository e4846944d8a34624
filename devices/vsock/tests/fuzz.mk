FUZZ_vsock := $(call fuzz_device,vsock,dial)
