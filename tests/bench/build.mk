# The native block front end, its benchmark and its crash test.
BLKFE := $(B)/tests/bench/blkfe
$(BLKFE): $(addprefix $(B)/,tests/bench/blkfe.o tests/lib/blkdrv.o tests/lib/driver.o $(IPC_FRONTEND))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^

# lguest-net against a loop of read() or write() on the tap
BENCH_NET := $(B)/tests/bench/bench-net
$(BENCH_NET): $(addprefix $(B)/,tests/bench/net.o tests/lib/driver.o $(IPC_FRONTEND))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ -luring

.PHONY: bench-net
bench-net: $(BENCH_NET) $(B)/lguest-net ## frames a second through lguest-net, against a read/write loop
	$(BENCH_NET) $(B)/lguest-net $(or $(ROUNDS),5)

# The null device, and the measurement against raw fio and qemu-storage-daemon.
$(B)/tests/bench/nullblk: $(addprefix $(B)/,tests/bench/nullblk.o $(BACKEND_OBJS) $(call role_objs,block))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ $(BACKEND_LIBS)

.PHONY: bench-block bench-rates bench-null bench-roles
bench-block: $(B)/lguest-block $(BLKFE) ## lguest-block against raw fio and qemu-storage-daemon, medians of 5 rounds
	scripts/deps.sh bench
	tests/bench/block.py $(B)
bench-rates: $(BLKFE) launch-programs module ## instructions a request of a disk with bounds that never bite, against none: within 1 %
	B=$(B) tests/bench/rates.sh
bench-roles: $(addprefix $(B)/lguest-,$(DEVICES)) ## processor time from the start of each device role to sealed and its end
	unshare -n tests/bench/roles.py $(B) $(foreach d,$(DEVICES),"$(d) $(BENCH_$(d))")
bench-null: $(B)/tests/bench/nullblk $(BLKFE) ## requests a second through a device that does nothing: fails below a million
	rm -f $(B)/null.sock; $(B)/tests/bench/nullblk --socket-path=$(B)/null.sock & pid=$$!; \
	$(BLKFE) bench $(B)/null.sock randread 4096 64 3 | \
		awk '{ print } $$1 >= 1000000 { enough = 1 } END { if (!enough) print "bench-null: not a million requests a second"; exit !enough }'; \
	s=$$?; kill $$pid; exit $$s

# One command for all counts of instructions: of lg.ko (tests/guests) and of a Linux guest beside the same kernel bare (tests/linux).
bench-icount: bench-linux

# A plugin of QEMU, which brings no flags of ours with it
build/bench/count.so: tests/bench/count.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O2 $(WARN) -shared -fPIC -fvisibility=hidden -o $@ $<

# What a guest costs by figure and function. The group holds the figures to 3 % over tests/bench/budget.
CHECKS += budget
CHECKS_BESIDE += budget
BENCH_GUEST := $(B)/linux-bench build/bench/count.so launch-programs module
.PHONY: bench-profile budget $(R)/budget.tap
bench-linux: $(BENCH_GUEST) ## what a guest costs beside the same kernel booted bare, in instructions
	@tests/bench/guest.py table
bench-profile: $(BENCH_GUEST) ## the same by function: FIGURES='page-touch fork-exit-wait'
	@tests/bench/guest.py profile $(or $(FIGURES),page-touch)
budget: $(BENCH_GUEST) ## tests/bench/budget anew, from what is measured now
	@tests/bench/guest.py update
$(R)/budget.tap: $(BENCH_GUEST)
	@mkdir -p $(@D)
	tests/bench/guest.py budget > $@

# The parts of `make bench`; a device adds its own in devices/NAME/tests/build.mk. Each writes its table into docs/performance.md, and docs/bench-PART.svg
.PHONY: bench bench-guest-report bench-smp-report bench-build-report bench-tlb-report bench-disk-report bench-net-report
bench: bench-guest-report bench-smp-report bench-build-report bench-tlb-report bench-disk-report bench-net-report ## the next six, and those that devices have in their folders: each writes its table into docs/performance.md, and a drawing
bench-guest-report: $(BENCH_GUEST) ## instructions in a guest, bare and under KVM on emulated SVM
	tests/bench/report.py guest
bench-smp-report: $(BENCH_GUEST) $(B)/linux-bench-smp ## instructions with 2 and 4 CPUs, in a guest and bare
	tests/bench/report.py smp
bench-build-report: $(BENCH_GUEST) ## `make -j4` of ipc/ and core/ in a guest with 4 CPUs and bare, instructions; and with one
	tests/bench/report.py build
bench-tlb-report: $(BENCH_GUEST) ## TLB flushes, writes of CR3 and CR4, PCIDs, INVLPG in 1,000 exits, counted by Bochs
	tests/bench/report.py tlb
bench-disk-report: $(B)/lguest-block $(BLKFE) ## lguest-block at depths 1 to 128 and sizes 512 to 1 MiB: rates, CPU a request, latencies
	scripts/deps.sh bench
	tests/bench/report.py disk $(B)
bench-net-report: $(B)/lguest-net $(BENCH_NET) ## lguest-net beside a plain loop and a bare ring, at depths 1 to 128 and sizes 64 to 65,000
	tests/bench/report.py net $(B)

# How often an idle guest wakes the host. The group holds the sum to 5 a second.
CHECKS += idle
CHECKS_BESIDE += idle
.PHONY: bench-idle $(R)/idle.tap
bench-idle: launch-programs module ## how often the processes of an idle guest wake in a second, thread by thread
	tests/bench/idle.sh
$(R)/idle.tap: launch-programs module
	@mkdir -p $(@D)
	tests/bench/idle.sh 60 > $@.said
	awk '{ print "# " $$0 } $$3 == "all" { n = $$2 } \
		END { print (n > 0 && n <= 5000 ? "ok" : "not ok") " idle: a guest with console, net and block wakes at most 5 times a second (" n / 1000 ")" }' $@.said > $@
