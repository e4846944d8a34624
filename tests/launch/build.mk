# The launcher's own tests, in the test host: a probe kernel in place of Linux, and launch.sh.
PROGRAMS += $(B)/probe
$(B)/probe: tests/launch/probe.S tests/launch/probe.ld
	@mkdir -p $(@D)
	$(CC) -D__ASSEMBLY__ -Ikmod/include/uapi -nostdlib -static -no-pie -Wl,--build-id=none,--no-warn-rwx-segments \
		-Wl,-T,tests/launch/probe.ld -o $@ $<
