# A Linux guest in the test host: does its user space work, what does it cost, what is left of it.
PROGRAMS += $(B)/selftest $(B)/linux-bench $(B)/smp
$(B)/selftest: tests/linux/guest/selftest.c tests/linux/guest/checks.h tests/lib/tap.h
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O2 $(WARN) -I. -static -o $@ $< -pthread
$(B)/linux-bench: tests/linux/guest/bench.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O2 $(WARN) -static -pthread -o $@ $<

$(B)/linux-bench-smp: tests/linux/guest/bench-smp.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O2 $(WARN) -static -pthread -o $@ $<

CHECKS += linux
LINUX_NEEDS := $(B)/selftest launch-programs module
.PHONY: linux-server check-reporting $(R)/linux.tap linux-hosts linux-kaslr linux-flushes linux-boots
$(R)/linux.tap: $(LINUX_NEEDS)
	@mkdir -p $(@D)
	tests/linux/check.sh '--timeout 1200 --smp 2' selftest two 'boots 5' 'kills 5' > $@ || grep -q '^not ok' $@
	tests/linux/check.sh '--timeout 600' features userland operator modules report >> $@

CHECKS += signals
CHECKS_BESIDE += signals
.PHONY: $(R)/signals.tap
$(R)/signals.tap: launch-programs module
	@mkdir -p $(@D)
	tests/linux/signals.sh > $@ || grep -q '^not ok' $@

linux-hosts: $(LINUX_NEEDS) ## the guest's user space checked on every kind of host, all kernels (KERNELS=7.3: one)
	for k in $(or $(KERNELS),6.1 6.12 7.3); do for smp in 1 2; do for pti in on off; do for levels in 4 5; do \
		echo "# $$k, $$smp CPUs, PTI $$pti, $$levels levels"; \
		tests/linux/check.sh "--timeout 600 --kernel $$k --smp $$smp --pti $$pti --levels $$levels" selftest || exit 1; \
	done; done; done; done

linux-kaslr: $(LINUX_NEEDS) ## hosts that randomise their addresses: flushed for where they overlap with the guest, and only there
	for i in $$(seq $(or $(N),20)); do tests/linux/check.sh '--timeout 300 --kaslr --pti off' overlap || exit 1; done

linux-flushes: $(LINUX_NEEDS) ## TLB flushes, writes of CR3 and CR4, INVLPG in 1,000 exits of a guest (Bochs counts): no full flush, no CR4
	tests/linux/check.sh '--timeout 1500 --emulator bochs --pti off' flushes

check-reporting: $(LINUX_NEEDS) ## a guest that fills and frees 512 MiB ten times gives it back each time, within ten seconds
	ROUNDS=10 MIB=512 tests/linux/check.sh '--timeout 1800 --mem 1280 --smp 2' 'report 10 512 10 90'

linux-boots: $(LINUX_NEEDS) ## 100 boots in a row, and 50 kills, on one test host each
	tests/linux/check.sh '--timeout 3000 --smp 2' 'boots $(or $(N),100)'
	tests/linux/check.sh '--timeout 3000 --smp 2' 'kills $(or $(N),50)'

# A Debian as people rent it: containers, cloud-init, storage under load, tracing, a tunnel. PARTS='containers seed' for some of it.
linux-server: launch-programs module ## Debian as a server: podman, cloud-init, wireguard, swap, file systems, bpftrace; PARTS= for some
	@mkdir -p $(R)
	tests/linux/server.sh $(PARTS) > $(R)/linux-server.tap; s=$$?; cat $(R)/linux-server.tap; exit $$s

# Guests with several CPUs: a short form for `make check`
CHECKS += linux-smp
.PHONY: $(R)/linux-smp.tap
$(B)/smp: tests/linux/guest/smp.c tests/linux/guest/checks.h tests/lib/tap.h
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O2 $(WARN) -I. -static -o $@ $< -pthread
LINUX_SMP_NEEDS := $(B)/smp launch-programs module
$(R)/linux-smp.tap: $(LINUX_SMP_NEEDS)
	@mkdir -p $(@D)
	tests/linux/smp.sh check > $@

# The long form: RUNS=100 boots, SECONDS=20 for each storm, KILLS=200; PARTS='boots storms ...' for some of it (tests/linux/smp.sh)
.PHONY: linux-smp
linux-smp: $(LINUX_SMP_NEEDS) ## guests with 2 to 16 CPUs: 100 boots, storms, torture, stress-ng, kills, host CPUs off (RUNS= SECONDS= KILLS= PARTS=)
	@mkdir -p $(R)
	RUNS=$(or $(RUNS),100) LONG=$(or $(SECONDS),20) KILLS=$(or $(KILLS),200) PARTS='$(PARTS)' tests/linux/smp.sh long > $(R)/linux-smp-long.tap; \
		s=$$?; cat $(R)/linux-smp-long.tap; exit $$s

.PHONY: linux-bare
linux-bare: $(B)/selftest ## the guest kernel on a bare machine of two CPUs (VMLINUX= another one)
	@mkdir -p $(R)
	tests/linux/bare.sh > $(R)/linux-bare.tap; s=$$?; cat $(R)/linux-bare.tap; exit $$s

# The other guest kernel under the same tests, and on a processor that is AMD's and does not say that it is virtual, which is where 6.12
# would look for microcode
.PHONY: linux-6.12
linux-6.12: $(LINUX_NEEDS) $(LINUX_SMP_NEEDS) ## the groups linux and linux-smp and the bare boot with the guest kernel of Debian's 6.12
	@mkdir -p $(R)
	export SERIES=6.12; guest/kernel.sh >/dev/null || exit 1; s=0; { \
		tests/linux/check.sh '--timeout 1200 --smp 2' selftest two 'boots 5' 'kills 5' || s=1; \
		tests/linux/check.sh '--timeout 600' features userland operator modules report || s=1; \
		tests/linux/check.sh '--timeout 600 --cpu max,-smap,-hypervisor' selftest || s=1; \
		tests/linux/smp.sh check || s=1; tests/linux/bare.sh || s=1; } > $(R)/linux-6.12.tap; cat $(R)/linux-6.12.tap; exit $$s

.PHONY: linux-selftests
linux-selftests: launch-programs module ## the kernel's own self-tests in a guest and on the bare machine: prints where they differ (FOLDERS='x86 futex': some)
	@mkdir -p $(R)
	tests/linux/selftests.sh $(FOLDERS) > $(R)/linux-selftests.tap; s=$$?; grep -v '^ok' $(R)/linux-selftests.tap; exit $$s

.PHONY: linux-stress
linux-stress: launch-programs module ## stress-ng by class, each stressor verified, in a guest and on the bare machine: prints where they differ (CLASSES='vm os': some; LONG= seconds each)
	@mkdir -p $(R)
	tests/linux/stress.sh $(CLASSES) > $(R)/linux-stress.tap; s=$$?; grep -v '^ok' $(R)/linux-stress.tap; exit $$s
