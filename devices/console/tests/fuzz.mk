FUZZ_console := $(call fuzz_device,console,terminal)
