# The launcher's own tests, in the test host: a probe kernel in place of Linux, and launch.sh.
PROGRAMS += $(B)/probe
$(B)/probe: tests/launch/guest/probe.S tests/launch/guest/probe.ld kmod/include/uapi/linux/lguest.h
	@mkdir -p $(@D)
	$(CC) -D__ASSEMBLY__ -Ikmod/include/uapi -nostdlib -static -no-pie -Wl,--build-id=none,--no-warn-rwx-segments \
		-Wl,-T,tests/launch/guest/probe.ld -o $@ $<

LAUNCH_FILES = $(B)/tests/peers/hijacked $(B)/probe tests/launch/host/launch.sh
CHECKS += launch
CHECKS_ALONE += launch recovery faults
.PHONY: $(R)/launch.tap
$(R)/launch.tap: $(B)/probe $(B)/tests/peers/hijacked launch-programs module
	@mkdir -p $(@D)
	tests/host/run --lguest /launch --timeout 300 --dmesg-clean $(foreach f,$(LAUNCH_FILES),--file $(f):/launch/$(notdir $(f))) -- \
		'sh /launch/launch.sh' > $@

# The mission's line with Debian in the guest: minutes, and an image that only root can make. The host's watchdogs wait longer than usual: the
# emulator is slow where a killed guest's code was (see tests/host/README.md).
MISSION_FILES = $(addprefix tests/launch/host/,mission.sh console.sh)
.PHONY: mission
mission: launch-programs module ## Debian from the mission's line: login, ping, HTTP, disks, a killed guest; as root and as a user (CPUS=2: on two CPUs)
	@mkdir -p $(R)
	debian=$$(scripts/debian.sh) && tests/host/run --lguest /m --linux --smp 2 --mem 2048 --timeout 1500 --dmesg-clean --log $(R)/mission.console \
		--append "watchdog_thresh=60 rcupdate.rcu_cpu_stall_timeout=180" $(HOST) \
		$(foreach f,$(MISSION_FILES),--file $(f):/m/$(notdir $(f))) \
		--file $$debian:/m/img -- 'CPUS=$(CPUS) sh /m/mission.sh' > $(R)/mission.tap; \
	s=$$?; cat $(R)/mission.tap; exit $$s

# Device roles killed and stopped under verified I/O: 100 kills by command, a few in make check.
PROGRAMS += $(B)/recover
$(B)/recover: tests/launch/guest/recover.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O2 $(WARN) -static -o $@ $< -pthread

# Processor time from exec to the guest's first instruction: a table of counts, not a test.
PROGRAMS += $(B)/first
$(B)/first: tests/launch/host/first.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O2 $(WARN) -static -o $@ $<

.PHONY: bench-start
bench-start: $(B)/first $(B)/probe launch-programs module ## instructions from exec of lguest-run to the guest's first
	@tests/launch/start.sh

.PHONY: bench-pss
bench-pss: launch-programs module ## memory of all processes of an idle guest, without and with --control
	@tests/launch/pss.sh

CHECKS += recovery
.PHONY: recovery restarts rates-linux $(R)/recovery.tap
recovery: $(B)/recover launch-programs module ## device roles killed 100 times and stopped 10 s under verified I/O (KILLS=100 STOP=10), or RESETS=1: while the guest rebinds its drivers 20 times; CPUS=2
	CPUS=$(or $(CPUS),1) $(if $(RESETS),FIO_SIZE=8M TIMEOUT=2400 RESETS=1 tests/launch/recovery $(or $(KILLS),100) $(or $(REBINDS),20),tests/launch/recovery $(or $(KILLS),100) $(or $(STOP),10))
restarts: $(B)/recover launch-programs module ## every device replaced by its installed program 20 times (N=) under verified I/O
	FIO_SIZE=32M tests/launch/recovery restart $(or $(N),20)
rates-linux: launch-programs module ## a disk's bw= and iops= as fio in a Linux guest sees them, alone and beside another guest: within 5 %; a ping beside them: within 20 ms
	tests/launch/rates
$(R)/recovery.tap: $(B)/recover launch-programs module
	@mkdir -p $(@D)
	FIO_SIZE=32M tests/launch/recovery 6 0 > $@ || grep -q '^not ok' $@
	FIO_SIZE=4M RESETS=1 tests/launch/recovery 8 2 >> $@ || grep -q '^not ok' $@

# A back end of QEMU's as a guest's disk
CHECKS += foreign
CHECKS_BESIDE += foreign
.PHONY: $(R)/foreign.tap
$(R)/foreign.tap: launch-programs module
	@mkdir -p $(@D)
	tests/launch/foreign > $@ || grep -q '^not ok' $@

.PHONY: recorded
recorded: launch-programs module ## a Linux guest whose disk is recorded: checksums, the same again, the recorder killed while it writes; DEBIAN=1: Debian and fio
	tests/launch/recorded $(if $(DEBIAN),debian)

-include tests/launch/many.mk
