#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs inside the test host, where the module, the launcher, the guest kernel and the initramfs files lie beside it.
# TAP on standard output.
#
#	host.sh selftest	the checks of selftest.c in one guest, on the host's last CPU; whose TLB entries had to go for it
#	host.sh features	features.sh in one guest, from an initramfs that is compressed as distributions do
#	host.sh flushes		under Bochs, which counts them: what one guest's exits cost in flushes of the TLB, writes of CR3 and CR4, INVLPG
#	host.sh overlap		one short guest: only where it shares addresses with the host's kernel are global TLB entries flushed
#	host.sh modules		modules.sh in one guest; its module lies where no module of the host does
#	host.sh userland	userland.sh in one guest, its clock against the host's; a terminal's keys
#	host.sh operator	a guest does what its operator asks: powers down, restarts, takes a pause for no fault
#	host.sh report [N MIB [S PERCENT]]	a guest that fills and frees so much N times gives that part of it back each time, S seconds later at most.
#	host.sh churn		the memory checks in a guest and in the host at once: neither sees the other's translations
#	host.sh two		two guests at once, both run the fork- and CPU-bound checks
#	host.sh boots N		N guests one after the other; what they leave behind
#	host.sh kills N		lguest-core killed N times, at random instants of boot and load
#	host.sh cpus N WHAT...	the same, with guests of N CPUs
. "$(dirname "$0")/lib.sh"
tap_prefix="linux: " seen=

# start INITRAMFS [KEYS]: one guest, its console on standard output, what is typed there from KEYS
start() {
	./lguest-run --kernel vmlinux --initrd "$1" --memory ${memory-96} --cpus ${cpus-1} --cmdline quiet --log "log.$1" <"${2:-/dev/null}"
}

# What selftest printed, as TAP, and the status that the guest ended with
results() {
	tr -d '\r' <"$1" | sed -nE 's/^ok /ok linux: /p; s/^not ok /not ok linux: /p'
	grep -q '^not ok' "$1" && failed=1
	check "$2" "the guest's exit status is $2"
	[ "$2" = 0 ] || { cat log.*; cat "$1"; } | quoted
}

# The module's counters of the one guest there is, as long as process $1 lives: the last reading stays in the file stats
watch_stats() {
	: >stats
	while kill -0 "$1" 2>/dev/null; do
		cat /sys/kernel/debug/lguest/*/stats >stats.new 2>/dev/null && [ -s stats.new ] && mv stats.new stats
		usleep 100000
	done
}
counter() { sed -n "s/^$1 //p" stats; }
# watched INITRAMFS: one guest, whose counters stay in the file stats
watched() {
	start "$1" >out &
	watch_stats $!
	wait $!
}
# nap: a guest that sleeps for a second and ends with 7
nap() {
	watched nap.cpio
	s=$?
	check $((s != 7)) "the guest's exit status is $s"
}

# The number of the 2 MiB part of the top 2 GiB that a kernel symbol's address, in hexadecimal, is in
part() { echo $((0x$(echo "$1" | tail -c 9) >> 21)); }
symbol() { part "$(awk -v s="$1" '$3 == s { print $1; exit }' /proc/kallsyms)"; }

# After a guest: global entries are flushed where the host's kernel and the guest's (file "range": from, to) overlap, and nowhere else;
# where they are not, faults for nothing can only come from what the guest itself has gained, and from the fixmap
flushed() {
	read -r from to <range
	first=$(symbol _text) last=$(symbol _end) now=$(counter flush_globals)
	from=$(part "$from") to=$(part "$to") area=$(part ffffffffa0000000)
	echo "# host's kernel in parts $first to $last, guest's in $from to $to: flush_globals $now, spurious_faults $(counter spurious_faults), exits $(counter exits)"
	if [ $first -le $to ] && [ $((last - 1)) -ge $from ]; then want=1
	elif [ $first -le $to ] && [ $last -ge $from ] || [ $first -le $((area + 64)) ] && [ $last -ge $area ]; then want=$now
	else want=0; fi
	[ "$now" = $want ]
	check $? "flush_globals is $want"
	[ "$(counter spurious_faults)" -le $(($(counter exits) / 100)) ]
	check $? "less than one exit in a hundred is a fault for nothing"
}

selftest() {
	[ "$(nproc)" = 1 ] || taskset -p $((1 << ($(nproc) - 1))) $$ >/dev/null
	watched selftest.cpio
	results out $?
	flushed
}

features() {
	memory=192
	start features.cpio >out
	results out $?
}

modules() {
	memory=192
	watched modules.cpio
	results out $?
	flushed
	at=$(sed -nE 's/^# at ffffffff([0-9a-f]{8}).*/\1/p' out | tail -n 1)
	low=$(sed -nE 's/.* 0xffffffff([0-9a-f]{8}).*/\1/p' /proc/modules | sort | head -n 1)
	echo "# the guest's module at $at, the host's from $low"
	[ -n "$at" ] && [ -n "$low" ] && [ "$(part "$at")" -lt "$(part "$low")" ] && [ "$(part "$low")" -ge $(($(part a0000000) + 64)) ]
	check $? "the host's modules lie outside of the guest's area for modules"
}

# The counts that tests/host/bochs-tlb.patch puts into MSRs: flushes of the whole TLB, writes of CR4, writes of CR3, those of them that
# keep the entries of a PCID, INVLPG, INVPCID
counts() { for n in 0 8 16 24 32 40; do msr=$((0x4c470000 + n)); dd if=/dev/cpu/0/msr bs=8 skip=$((msr / 8)) count=1 2>/dev/null | od -An -tu8; done | tr -s ' \n' ' '; }

flushes() {
	modprobe msr
	set -- $(counts)
	[ $# = 6 ] && [ "$2" -gt 0 ] && [ "$3" -gt "$4" ] && [ "$5" -gt 0 ]
	check $? "this emulator counts: CR4 and CR3 were written while it booted, and INVLPG was executed"
	nap
	set -- $(counts) "$@"
	exits=$(counter exits)
	echo "# $exits exits: $(($1 - $7)) flushes of the whole TLB, $(($2 - $8)) writes of CR4, $(($3 - $9)) writes of CR3," \
		"$(($4 - ${10})) PCIDs loaded with their entries kept, $(($5 - ${11})) INVLPG, $(($6 - ${12})) INVPCID, with the host's own"
	[ "$exits" -gt 2000 ]
	check $? "the guest had exits"
	for n in $(($1 - $7)) $(($2 - $8)); do
		[ $((n * 1000 / exits)) = 0 ]
		check $? "$((n * 1000 / exits)) in 1,000 exits"
	done
}

overlap() {
	nap
	flushed
}

# says WORD: until the guest has said it, for ten minutes: to fill much memory takes an emulated guest long
says() {
	n=0
	until tr -d '\r' <out.report | grep -q "^$1\$"; do
		[ $((n += 1)) -lt 6000 ] && kill -0 $guest 2>/dev/null || return 1
		usleep 100000
	done
}
pinned() { cat /sys/kernel/debug/lguest/*/stats 2>/dev/null | sed -n 's/^pinned_pages //p'; }
resident() { for p in $(pidof lguest-core); do cat "/proc/$p/status"; done | awk '/^RssShmem/ { n += $2 } END { print int(n / 4) }'; }

hundredths() { cut -d' ' -f1 /proc/uptime | tr -d .; }

# given_back ROUND: what the module holds and what the core has of the host's memory, both; in time
given_back() {
	full=$(pinned) had=$(resident)
	echo go >&7
	says "freed $1" || return 1
	freed=$(hundredths) want=$((mib * 256 * percent / 100)) after=0
	while [ $after -le $((limit * 100)) ]; do
		now=$(pinned) has=$(resident) after=$(($(hundredths) - freed))
		[ $((full - now)) -lt $want ] || [ $((had - has)) -lt $want ] || break
		usleep 100000
	done
	echo "# round $1: $full pages pinned, then $now; $had resident, then $has; $((after / 100)) s after $mib MiB were freed"
	[ $((full - now)) -ge $want ] && [ $((had - has)) -ge $want ] && [ $after -le $((limit * 100)) ]
}

report() {
	rounds=${1:-2} mib=${2:-128} limit=${3:-60} percent=${4:-90} memory=$((${2:-128} + 192))
	mkfifo keys.report
	start report.cpio keys.report >out.report &
	guest=$!
	exec 7>keys.report
	says "ready 0"
	for i in $(seq "$rounds"); do
		echo go >&7
		says "filled $i" && given_back "$i"
		s=$?
		check $s "round $i: memory that the guest has freed is the host's again"
		[ $s = 0 ] || { kill $(pidof lguest-run); break; }
	done
	echo end >&7
	wait $guest
	results out.report $?
	exec 7>&-
}

# Each time that the guest tells is followed by the host's at its arrival: "uptime WHEN GUEST HOST"
stamped() {
	tr -d '\r' | while read -r word rest; do
		[ "$word" != uptime ] || rest="$rest $(cut -d' ' -f1 /proc/uptime)"
		echo "$word $rest"
	done
}

# shows TEXT: up to 20 s until a line of the guest's console has it
shows() {
	n=0
	until tr -d '\r' <out.keys | grep -q "$1" || [ $n = 100 ]; do usleep 200000; n=$((n + 1)); done
}

# Keys typed at the guest's console: ^Z stops a job, fg goes on with it, ^C ends it.
keys() {
	mkfifo keys.in
	start shell.cpio keys.in >out.keys &
	exec 3>keys.in
	shows '# '
	printf 'sh -c "echo began; exec sleep 1000"\n' >&3; shows '^began'; printf '\032' >&3; shows Stopped
	printf 'jobs; echo after-jobs\n' >&3; shows '^after-jobs'
	# fg prints the job's command, and the terminal a ^C: one that comes before fg has the terminal is a key of the shell's line, and ends no job
	printf 'fg\n' >&3; shows '^sh -c'; printf '\003' >&3; shows '\^C'
	printf 'echo status $?; exit 9\n' >&3
	wait $!
	check $(($? != 9)) "the shell's own exit status"
	exec 3>&-
	tr -d '\r' <out.keys >keys.out
	grep -q 'Stopped.*sleep 1000' keys.out; check $? "^Z stops a job"
	grep -q '^status 130$' keys.out; check $? "^C ends it after fg"
	[ $failed = 0 ] || quoted keys.out
}

userland() {
	{ start userland.cpio; echo "status $?"; } | stamped >out
	results out "$(sed -n 's/^status //p' out)"
	# A line's way to the host takes its time: what counts is how much the smallest difference of each half moves.
	awk '/^uptime/ { d = $4 - $3; if (!($2 in low) || d < low[$2]) { low[$2] = d; at[$2] = $3 } }
	     END { t = at["late"] - at["early"]; d = low["late"] - low["early"]
	           print "# " t " s of the guest are " t + d " s of the host"; exit !(t >= 30 && d < t / 100 && d > -t / 100) }' out
	check $? "the guest's clock agrees with the host's to 1 % over 30 s"
	keys
}

# asked WORD STATUS TEXT SECONDS: a guest at its shell stands still for so long, is asked for WORD, ends by itself with STATUS, and has said who asked.
asked() {
	rm -rf asked.in ctl
	mkfifo asked.in
	./lguest-run --kernel vmlinux --initrd shell.cpio --memory 96 --cmdline quiet --control "$PWD/ctl" --log log.asked <asked.in >out.keys &
	run=$!
	exec 3>asked.in
	shows '# '
	./lguestctl "$PWD/ctl" pause >>log.asked 2>&1 && usleep $(($4 * 1000000)) && ./lguestctl "$PWD/ctl" resume >>log.asked 2>&1
	check $? "paused for $4 s and resumed before $1"
	printf 'sed -n "s/^ *61: *\\([0-9]*\\).*resumed$/heard \\1/p" /proc/interrupts; dmesg -n 8; echo ready\n' >&3; shows '^ready'
	timeout 60 ./lguestctl "$PWD/ctl" "$1" --wait --timeout 50 >asked.out 2>&1
	s=$?
	check $((s != $2)) "lguestctl $1 --wait: the guest ended by itself, status $s"
	[ $s = $2 ] || kill $run
	wait $run
	s=$?
	check $((s != $2)) "lguest-run's status after $1 is $s"
	exec 3>&-
	tr -d '\r' <out.keys | grep -q '^heard 1$'
	check $? "it heard of its pause once"
	tr -d '\r' <out.keys | grep -q "operator asks for $3"
	check $? "its kernel says that the operator asks for $3"
	[ $failed = 0 ] || cat asked.out log.asked out.keys | quoted
}

operator() {
	asked powerdown 0 'a power down' 30
	asked reset 111 'a restart' 1
}

churn() {
	start load.cpio >out &
	rounds=0
	while kill -0 $! 2>/dev/null; do
		./selftest churn cow forks >out.host || { tr '\n' '#' <out.host; check 1 "the host's own checks meanwhile"; break; }
		rounds=$((rounds + 1))
	done
	wait $!
	results out $?
	[ $rounds -ge 2 ]
	check $? "the host's own checks meanwhile, $rounds times"
}

two() {
	start load.cpio >out.1 &
	start load.cpio >out.2
	results out.2 $?
	wait $!
	results out.1 $?
}

boots() {
	start seven.cpio >/dev/null	# what the first takes for good is not a leak
	had_kib=$(free_kib)
	i=0
	while [ $i -lt "$1" ]; do
		start seven.cpio >out
		s=$?
		[ $s = 7 ] || { check 1 "boot $i of $1 ended with status $s"; quoted out log.seven.cpio; return; }
		i=$((i + 1))
		at_work $i boots
	done
	check 0 "$1 boots"
	within 20 memory_back
	check $? "$1 boots leave memory as it was ($lost KiB less)"
}

kills() {
	i=0
	[ -e /sys/kernel/debug/kmemleak ] && slow=10 || slow=1	# the debug host
	while [ $i -lt "$1" ]; do
		start load.cpio >out 2>&1 &
		usleep $(($(random 4000) * 1000 * slow))
		kill_core $! 10 || { check 1 "kill $i: $why"; kill -9 $!; return; }
		i=$((i + 1))
		at_work $i kills
	done
	check 0 "lguest-core killed $1 times"
	nothing_runs
	gone=$?
	[ $gone = 0 ] || quoted /tmp/left
	check $gone "no process is left"
	start seven.cpio >out
	[ $? = 7 ]
	check $? "a guest boots after $1 kills"
}

if [ "$1" = cpus ]; then
	cpus=$2 tap_prefix="linux, $2 CPUs: "
	shift 2
fi
insmod ./lg.ko || exit 1
"$@"
rmmod lg
check $? "the module unloads after $1"
exit $failed
