# The tiny guests, and lgtest, which holds them all. Both have their own flags in every flavour: the guests are
# freestanding, and lgtest is static (the test host has no libraries) and so cannot have a sanitizer.

TG := $(B)/tests/guests
TG_LIB := $(patsubst tests/guests/%,$(TG)/%.o,$(filter-out %/offsets.c,$(wildcard tests/guests/lib/*.c)) tests/guests/lib/entry.S)
TG_NAMES := $(basename $(notdir $(wildcard tests/guests/tiny/*.c)))
TG_BINS := $(TG_NAMES:%=$(TG)/tiny/%.bin)
TG_CFLAGS := -std=gnu11 -O2 -g -ffreestanding -fno-stack-protector -mno-red-zone -mgeneral-regs-only -fPIE \
	-fvisibility=hidden -fno-asynchronous-unwind-tables -fcf-protection=none -fno-strict-aliasing $(WARN) \
	-Ikmod/include/uapi -Itests/guests/lib
LGTEST_CFLAGS := -std=gnu11 -O2 -g $(WARN) -Wno-missing-field-initializers -D_GNU_SOURCE -Ikmod/include/uapi -Itests/guests -pthread
LGTEST_OBJS := $(patsubst tests/guests/%.c,$(TG)/%.o,$(wildcard tests/guests/*.c)) $(TG)/images.o

PROGRAMS += $(B)/lgtest
.SECONDARY: $(TG_LIB) $(TG_BINS:.bin=.elf)

$(TG)/lib/%.c.o: tests/guests/lib/%.c
	@mkdir -p $(@D)
	$(CC) $(TG_CFLAGS) -MMD -MP -c -o $@ $<

$(TG)/lib/offsets.h: tests/guests/lib/offsets.c kmod/include/uapi/linux/lguest.h
	@mkdir -p $(@D)
	$(CC) $(TG_CFLAGS) -S -o - $< | sed -n 's/.*"->\([A-Z0-9_]*\) \([0-9]*\)".*/#define \1 \2/p' > $@

$(TG)/lib/%.S.o: tests/guests/lib/%.S $(TG)/lib/offsets.h
	@mkdir -p $(@D)
	$(CC) $(TG_CFLAGS) -D__ASSEMBLY__ -I$(TG)/lib -MMD -MP -c -o $@ $<

$(TG)/tiny/%.elf: tests/guests/tiny/%.c $(TG_LIB) tests/guests/lib/guest.ld
	@mkdir -p $(@D)
	$(CC) $(TG_CFLAGS) -MMD -MP -MT $@ -MF $(@:.elf=.d) -nostdlib -static -no-pie -z max-page-size=4096 \
		-Wl,--build-id=none,--no-warn-rwx-segments -Wl,-T,tests/guests/lib/guest.ld -o $@ $< $(TG_LIB)

$(TG)/tiny/%.bin: $(TG)/tiny/%.elf
	objcopy -O binary $< $@

# One table of all images, so that lgtest is a single file.
$(TG)/images.S: $(TG_BINS) tests/guests/images.sh
	tests/guests/images.sh $(TG_BINS) > $@

$(TG)/images.o: $(TG)/images.S
	$(CC) -c -o $@ $<

$(TG)/%.o: tests/guests/%.c
	@mkdir -p $(@D)
	$(CC) $(LGTEST_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/lgtest: $(LGTEST_OBJS)
	$(CC) $(LGTEST_CFLAGS) -static -o $@ $^

# Everything in one test host, and in each of the seven others (CPUs-PTI-LEVELS) with the longest loops shortened: guests-2-on-5 and so on. With the three of
# `make check` each pair of values of CPUs, PTI and levels is there; `make check-long` has the other four.
GUEST_RUN = tests/guests/hosts.sh kmod/lg.ko $(B)/lgtest
GUEST_HOSTS := 1-on-5 1-off-4 2-off-5
GUEST_HOSTS_LONG := 1-on-4 1-off-5 2-on-5 2-off-4
GUEST_GROUPS := guests guests-unmitigated $(addprefix guests-,$(GUEST_HOSTS) $(GUEST_HOSTS_LONG))
# A host with two CPUs uses little more than one processor, and bears another such beside it. NMIs do not: with half of its time the guest is hit by too few.
# guests-apart, whose vCPUs must run at once, has its threads' places fixed: with both on one processor two such hosts are in balance for the scheduler.
CHECKS += $(GUEST_GROUPS) guests-nmi guests-apart guests-odd-hosts
CHECKS_PAIRED += $(GUEST_GROUPS) guests-apart
CHECKS_ALONE += guests-nmi
CHECKS_LONG += $(addprefix guests-,$(GUEST_HOSTS_LONG))
.PHONY: bench-icount $(addprefix $(R)/,$(addsuffix .tap,$(GUEST_GROUPS) guests-nmi guests-apart guests-odd-hosts guests-full guests-bochs guests-seeded guests-hostile guests-ibt guests-kvm guests-mce guests-apf guests-ticks guests-avx512 guests-runs guests-newest))
.PHONY: $(addprefix $(R)/,$(addsuffix .tap,guests-fail-at latency))

# guest_host HOST SUITE-OPTIONS
guest_host = echo $(1) | tr - ' ' | { read smp pti levels; $(GUEST_RUN) "--smp $$smp --pti $$pti --levels $$levels --timeout 1800" $(2); }
$(R)/guests.tap: module $(B)/lgtest
	@mkdir -p $(@D)
	$(GUEST_RUN) '--smp 2 --pti on --levels 4 --timeout 900' > $@
$(patsubst %,$(R)/guests-%.tap,$(GUEST_HOSTS) $(GUEST_HOSTS_LONG)): $(R)/guests-%.tap: module $(B)/lgtest
	@mkdir -p $(@D)
	$(call guest_host,$*,--short) > $@
# No mitigations: the switcher jumps over all that is for them
$(R)/guests-unmitigated.tap: module $(B)/lgtest
	@mkdir -p $(@D)
	$(GUEST_RUN) '--smp 2 --pti off --append mitigations=off --silence 120 --timeout 1800' --short > $@

$(R)/guests-nmi.tap: module $(B)/lgtest
	@mkdir -p $(@D)
	tests/guests/nmi kmod/lg.ko $(B)/lgtest --smp 2 > $@
$(R)/guests-apart.tap: module $(B)/lgtest
	@mkdir -p $(@D)
	$(GUEST_RUN) '--smp 2 --apart --pti off --levels 4 --timeout 300' --test smp-chase > $@

# Hosts that are seldom, some of them played by a changed module
$(R)/guests-odd-hosts.tap: $(B)/lgtest
	@mkdir -p $(@D)
	tests/guests/odd-hosts.sh $(B)/lgtest > $@ || grep -q "^not ok" $@

# Too slow for `make check`: `make check-guests-full` and so on, each for itself.
# The whole suite with its long loops in every kind of host
$(R)/guests-full.tap: module $(B)/lgtest
	@mkdir -p $(@D)
	for h in 2-on-4 $(GUEST_HOSTS) $(GUEST_HOSTS_LONG); do $(call guest_host,$$h,); done > $@

# The suite under Bochs, and three bugs of the TLB put into lg.ko, which it must find
$(R)/guests-bochs.tap: module $(B)/lgtest
	@mkdir -p $(@D)
	for pti in on off; do $(GUEST_RUN) "--emulator bochs --pti $$pti --timeout 3000" --short; done > $@
$(R)/guests-seeded.tap: module $(B)/lgtest
	@mkdir -p $(@D)
	tests/guests/seeded.sh seeded kmod/lg.ko $(B)/lgtest > $@ || grep -q "^not ok" $@

# Hosts with kernel IBT (6.12 and later), under Bochs's models that have it; IBT_KERNELS: which
$(R)/guests-ibt.tap: module $(B)/lgtest
	@mkdir -p $(@D)
	tests/guests/ibt.sh $(B)/lgtest $(IBT_KERNELS) > $@ || grep -q "^not ok" $@

# Every allocation of every request fails once, in a module of its own
$(R)/guests-fail-at.tap: $(B)/lgtest
	@mkdir -p $(@D)
	tests/guests/fail-at.sh $(B)/lgtest > $@

# The longest with interrupts off, and not preemptible, for the worst guest tables
$(R)/latency.tap: module $(B)/lgtest
	@mkdir -p $(@D)
	tests/guests/latency.sh kmod/lg.ko $(B)/lgtest > $@

# A timer's thread beside a guest that computes; a thread that uses AVX-512 beside one that does (SHORT=1: 20,000 times, not 10^6)
$(R)/guests-ticks.tap: $(B)/lgtest
	@mkdir -p $(@D)
	tests/guests/ticks.sh $(B)/lgtest $(PARTS) > $@
$(R)/guests-avx512.tap: $(B)/lgtest
	@mkdir -p $(@D)
	tests/guests/avx512.sh $(B)/lgtest $(PARTS) > $@

# The host that hung once, again and again (RUNS=500 JOBS=2); goes on where it was
$(R)/guests-runs.tap: module $(B)/lgtest
	@mkdir -p $(@D)
	tests/guests/runs.sh kmod/lg.ko $(B)/lgtest $(or $(RUNS),500) $(or $(JOBS),2) > $@

# The newest host: the suite, NMIs, Linux guests, and the launcher
$(R)/guests-newest.tap: $(B)/lgtest $(B)/selftest $(B)/probe $(B)/tests/peers/hijacked launch-programs module
	@mkdir -p $(@D) build/debug
	ko=$$(tests/debug/module.sh 7.3) && $(GUEST_RUN:kmod/lg.ko=$$ko) '--kernel 7.3 --smp 2 --pti on --levels 4 --timeout 3000' --short > $@ && \
	tests/guests/nmi $$ko $(B)/lgtest --kernel 7.3 >> $@ || grep -q '^not ok' $@
	tests/linux/check.sh '--kernel 7.3 --smp 2 --timeout 1800' selftest two 'boots 5' 'kills 5' >> $@ || grep -q '^not ok' $@
	ko=$$(tests/debug/module.sh 7.3) && tests/host/run --lguest /launch --kernel 7.3 --timeout 900 --dmesg-clean --file $$ko:/launch/lg.ko \
		$(foreach f,$(LAUNCH_FILES),--file $(f):/launch/$(notdir $(f))) -- 'sh /launch/launch.sh' >> $@

# Machine checks through QEMU's monitor while guests cross
$(R)/guests-mce.tap: module $(B)/lgtest
	@mkdir -p $(@D)
	tests/guests/nmi kmod/lg.ko $(B)/lgtest --mce > $@

# Asynchronous page faults of a hypervisor below the host, which a test module plays
$(R)/guests-apf.tap: module $(B)/lgtest
	@mkdir -p $(@D)
	tests/guests/apf.sh kmod/lg.ko $(B)/lgtest > $@

# KVM beside guests, on QEMU's emulated SVM
$(R)/guests-kvm.tap: module $(B)/lgtest
	@mkdir -p $(@D)
	tests/guests/kvm.sh kmod/lg.ko $(B)/lgtest > $@

# Each hostile guest 1,000 times in a row, in one host
$(R)/guests-hostile.tap: module $(B)/lgtest
	@mkdir -p $(@D)
	$(GUEST_RUN) '--smp 2 --apart --timeout 14400 --silence 7200' --short --repeat $(or $(N),1000) > $@

bench-icount: module $(B)/lgtest ## instructions that hypercalls, system calls, page fills and interrupts cost
	@tests/bench/icount.sh $(CURDIR)/kmod/lg.ko $(CURDIR)/$(B)/lgtest
