#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs inside the test host, as host.sh does: guests with several CPUs. TAP on standard output.
#
#	smp.sh checks CPUS	guest/smp.sh in a guest with so many CPUs (initramfs checks.CPUS)
#	smp.sh crash CPUS	sysrq-c in one while all its other CPUs compute: it ends as a crash, at once
#	smp.sh boots N CPUS	N guests one after the other, each counts its CPUs and takes one off and on
#	smp.sh beside CPUS	two guests at once, each with so many CPUs, both run the checks
#	smp.sh unplug CPUS	the host's second CPU goes off and on while a guest runs the checks
#	smp.sh kills N CPUS	lguest-core killed N times, at random instants of boot, checks and CPUs that go and come
#	smp.sh modules CPUS	torture tests of the kernel's own, as modules (initramfs torture)
#	smp.sh stress CPUS	stress-ng (initramfs stress)
#	smp.sh late 2		a CPU whose thread does not run while it is started is given up, and when it runs stays down until it is started again
#	smp.sh stopped CPUS	threads of the core are stopped for a second each, as if the host had no time for that vCPU
. "$(dirname "$0")/lib.sh"
tap_prefix="smp: " seen=

# start INITRAMFS CPUS: one guest, its console on standard output
start() {
	./lguest-run --kernel vmlinux --initrd "$1" --cpus "$2" --memory ${memory-256} --cmdline "quiet ${cmdline-}" --log "log.$1.${3-}" </dev/null 2>"err.$1.${3-}"
}

# What the guest's own script printed, as TAP, and its status
results() {
	tr -d '\r' <"$1" | sed -nE "s/^ok /ok smp: $2: /p; s/^not ok /not ok smp: $2: /p"
	grep -q '^not ok' "$1" && failed=1
	check "$3" "$2: the guest's exit status is $3"
	[ "$3" = 0 ] || { cat log.* err.*; cat "$1"; } | tail -n 60 | quoted
}

# tells FILE: what the guest has said since the last call, if anything, in a word: who watches the host's console sees that it goes on
tells() {
	n=$(wc -l <"$1")
	[ $n = $told ] || echo "# the guest has said $n lines"
	told=$n
}

# Behind the first guest, whose host takes something for good: no later one may
memory_kept() {
	had_kib=$(cat had_kib 2>/dev/null)
	within 20 nothing_runs; check $? "$1 CPUs: no process is left"
	[ -n "$had_kib" ] || { free_kib >had_kib; return; }
	within 20 memory_back; check $? "$1 CPUs: memory is as it was behind the first guest ($lost KiB less)"
}

checks() {
	told=0
	start checks.$1 $1 >out &
	while kill -0 $! 2>/dev/null; do
		tells out
		cat /sys/kernel/debug/lguest/*/vcpus >vcpus.new 2>/dev/null && [ -s vcpus.new ] && mv vcpus.new vcpus
		usleep 200000
	done
	wait $!
	results out "$1 CPUs" $?
	# The last that was read: all of them have worked, and have sent and taken interrupts
	[ "$(grep -cE '^vcpu [0-9]+ state [0-9] .*exits [0-9]+ .*interrupts [0-9]+ .*ipis [0-9]+' vcpus)" = "$1" ]
	check $? "$1 CPUs: the module's counters of each vCPU"
	memory_kept $1
}

crash() {
	from=$(now_ms)
	start crash $1 >out
	s=$?
	check $((s != 110)) "crash with $1 CPUs: lguest-run says $s"
	grep -q 'sysrq triggered crash' log.crash. err.crash. out
	check $? "crash with $1 CPUs: the reason is told"
	[ $(($(now_ms) - from)) -lt 60000 ]
	check $? "crash with $1 CPUs: it took $(($(now_ms) - from)) ms"
}

boots() {
	i=0
	while [ $i -lt "$1" ]; do
		start boot $2 >out
		s=$?
		[ $s = $((10 + $2)) ] || { check 1 "boot $i of $1 with $2 CPUs ended with status $s"; cat log.boot. err.boot. out | tail -n 60 | quoted; return; }
		i=$((i + 1))
		at_work $i boots
	done
	check 0 "$1 boots with $2 CPUs"
}

beside() {
	start checks.$1 $1 a >out.a &
	start checks.$1 $1 b >out.b
	results out.b "two guests, $1 CPUs each" $?
	wait $!
	results out.a "two guests, $1 CPUs each" $?
}

unplug() {
	start checks.$1 $1 >out &
	n=0
	while kill -0 $! 2>/dev/null; do
		echo 0 >/sys/devices/system/cpu/cpu1/online && usleep 300000 && echo 1 >/sys/devices/system/cpu/cpu1/online && n=$((n + 1))
		usleep 300000
	done
	wait $!
	results out "the host's CPU went off and on $n times" $?
	[ $n -ge 3 ]; check $? "the host's CPU went off and on $n times"
}

# shellcheck disable=SC2094 # what the guest has said says what it is told
late() {
	mount -t cgroup -o freezer none /mnt 2>/dev/null || { check 1 "this host has no freezer for threads"; return; }
	mkdir -p /mnt/cold
	{
		within 60 grep -q 'guest: off' out
		core=$(pidof lguest-core)
		for core in $core; do [ $(ls /proc/$core/task | wc -l) != 3 ] || break; done
		ls /proc/$core/task | sort -n | tail -n 1 >/mnt/cold/tasks	# main, CPU 0, CPU 1
		echo FROZEN >/mnt/cold/freezer.state
		within 60 grep -q FROZEN /mnt/cold/freezer.state || exit
		echo go
		within 60 grep -q 'guest: refused' out
		echo THAWED >/mnt/cold/freezer.state
		echo go
	} | ./lguest-run --kernel vmlinux --initrd late --cpus $1 --memory 128 --cmdline quiet --log log.late >out 2>err.late
	s=$?
	tr -d '\r' <out | grep -q '^guest: refused' && [ $s = 12 ]
	check $? "a CPU whose thread ran too late stays down, and comes when it is started again (status $s)"
	[ $s = 12 ] || cat log.late err.late out | tail -n 40 | quoted
}

# Each thread of the core's in turn. SIGSTOP stops a process: what stops one thread is the freezer of its own control group, where threads have one
stopped() {
	mount -t cgroup -o freezer none /mnt 2>/dev/null || { check 1 "this host has no freezer for threads"; return; }
	mkdir -p /mnt/cold
	start checks.$1 $1 >out &
	n=0
	while kill -0 $! 2>/dev/null; do
		for core in $(pidof lguest-core); do
			for thread in "/proc/$core/task"/*; do
				thread=${thread##*/}
				[ "$thread" != "$core" ] && [ "$thread" != '*' ] || continue
				echo $thread >/mnt/cold/tasks 2>/dev/null || continue
				echo FROZEN >/mnt/cold/freezer.state
				sleep 1
				echo THAWED >/mnt/cold/freezer.state
				echo $thread >/mnt/tasks 2>/dev/null
				n=$((n + 1))
			done
		done
		usleep 200000
	done
	wait $!
	results out "threads of vCPUs were stopped $n times" $?
	[ $n -ge 3 ]; check $? "threads of vCPUs were stopped for a second, $n times"
}

kills() {
	start boot $2 >out	# what the first takes for good is not a leak
	had_kib=$(free_kib)
	i=0
	while [ $i -lt "$1" ]; do
		start checks.$2 $2 >out 2>&1 &
		usleep $(($(random 6000) * 1000))
		kill_core $! 20 || { check 1 "kill $i: $why"; kill -9 $!; return; }
		i=$((i + 1))
		at_work $i kills
	done
	check 0 "lguest-core of $2 CPUs killed $1 times"
	within 10 nothing_runs; check $? "no process is left"
	within 20 memory_back; check $? "$1 kills leave memory as it was ($lost KiB less)"
}

# modules, stress: what an initramfs of that name says
modules() { start torture $1 >out; results out "torture, $1 CPUs" $?; }
stress() { memory=512; start stress $1 >out; results out "stress-ng, $1 CPUs" $?; }

insmod ./lg.ko || exit 1
"$@"
rmmod lg
check $? "the module unloads after $1"
exit $failed
