# The launcher's own tests, in the test host: a probe kernel in place of Linux, and launch.sh.
PROGRAMS += $(B)/probe
$(B)/probe: tests/launch/probe.S tests/launch/probe.ld
	@mkdir -p $(@D)
	$(CC) -D__ASSEMBLY__ -Ikmod/include/uapi -nostdlib -static -no-pie -Wl,--build-id=none,--no-warn-rwx-segments \
		-Wl,-T,tests/launch/probe.ld -o $@ $<

LAUNCH_FILES := $(B)/probe $(LAUNCH_PROGRAMS) kmod/lg.ko tests/launch/launch.sh
CHECKS += launch
.PHONY: $(R)/launch.tap
$(R)/launch.tap: $(B)/probe launch-programs module
	@mkdir -p $(@D)
	tests/host/run --timeout 300 --dmesg-clean $(foreach f,$(LAUNCH_FILES),--file $(f):/launch/$(notdir $(f))) -- \
		'sh /launch/launch.sh' > $@

-include tests/launch/many.mk
