FUZZ_net := $(call fuzz_device,net,tap tap_owner)
