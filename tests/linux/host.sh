#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs inside the test host, where the module, the launcher, the guest kernel and the initramfs files lie beside it.
# TAP on standard output.
#
#	host.sh selftest	the checks of selftest.c in one guest
#	host.sh two		two guests at once, both run the fork- and CPU-bound checks
#	host.sh boots N		N guests one after the other; what they leave behind
#	host.sh kills N		lguest-core killed N times, at random instants of boot and load
cd "$(dirname "$0")"
failed=0
say() { if [ "$1" = 0 ]; then echo "ok linux: $2"; else echo "not ok linux: $2"; failed=1; fi; }

# start INITRAMFS: one guest, its console on standard output
start() {
	./lguest-run --kernel vmlinux --initrd "$1" --memory 96 --cmdline quiet --log "log.$1" </dev/null
}

# Free memory, with what waits on the processors' lists: a guest's pages, tens of MiB, that MemFree does not count.
free_kib() {
	{ grep MemAvailable: /proc/meminfo; grep ' count: ' /proc/zoneinfo; } |
		awk '/MemAvailable/ { n += $2 } / count: / { n += $2 * 4 } END { print n }'
}

# What selftest printed, as TAP, and the status that the guest ended with
results() {
	tr -d '\r' <"$1" | sed -nE 's/^ok /ok linux: /p; s/^FAIL /not ok linux: /p'
	grep -q '^FAIL' "$1" && failed=1
	say "$2" "the guest's exit status is $2"
	[ "$2" = 0 ] || { cat log.*; cat "$1"; } | sed 's/^/# /'
}

selftest() {
	start selftest.cpio >out
	results out $?
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
	before=$(free_kib)
	i=0
	while [ $i -lt "$1" ]; do
		start seven.cpio >out
		s=$?
		[ $s = 7 ] || { say 1 "boot $i of $1 ended with status $s"; sed 's/^/# /' out log.seven.cpio; return; }
		i=$((i + 1))
	done
	say 0 "$1 boots"
	n=0	# the last guest's pages go back when its process is really gone, which takes a busy machine a while
	lost=4096
	while [ $lost -ge 4096 ] && [ $n -lt 100 ]; do
		usleep 200000
		lost=$((before - $(free_kib)))
		n=$((n + 1))
	done
	[ $lost -lt 4096 ]
	say $? "$1 boots leave memory as it was ($lost KiB less)"
}

# A random number below $1
random() { echo $(($(od -An -N2 -tu2 /dev/urandom) % $1)); }

kills() {
	i=0
	while [ $i -lt "$1" ]; do
		start load.cpio >out 2>&1 &
		usleep $(($(random 4000) * 1000))
		n=0
		until killall -9 lguest-core 2>/dev/null || [ $n = 200 ]; do usleep 20000; n=$((n + 1)); done
		n=0
		while kill -0 $! 2>/dev/null && [ $n -lt 100 ]; do usleep 100000; n=$((n + 1)); done
		[ $n -lt 100 ] || { say 1 "lguest-run is still there 10 s after kill $i"; kill -9 $!; return; }
		i=$((i + 1))
	done
	say 0 "lguest-core killed $1 times"
	! ps | grep -q '[l]guest-'
	say $? "no process is left"
	start seven.cpio >out
	[ $? = 7 ]
	say $? "a guest boots after $1 kills"
}

insmod ./lg.ko || exit 1
"$@"
rmmod lg
say $? "the module unloads after $1"
exit $failed
