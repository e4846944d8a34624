#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs inside a guest: stress-ng's classes vm and scheduler and tlb-shootdown, each stressor on all CPUs, one after the other, with its own verification.
# TAP on standard output.
#
#	stress.sh SECONDS [NAMES...]	for each stressor
. /tap.sh
seconds=$1; shift
cpus=$(nproc)
stress() { LD_LIBRARY_PATH=/stress /stress/ld.so --library-path /stress /stress/stress-ng --temp-path /tmp --timeout "$seconds" "$@"; }
[ $# -gt 0 ] || set -- tlb-shootdown affinity clone exec fork futex kill malloc mmap mmapfork mprotect mremap msync munmap mutex pagemove pthread resched \
	sem shm sigq spawn stackmmap switch userfaultfd vfork vm vm-addr vm-rw vm-splice yield
for name; do
	dmesg -c >/dev/null
	stress --verify --$name "$cpus" >/tmp/out 2>&1
	s=$?
	# 3: there is nothing here for it to work with; 4: not in this kernel
	case $s in 3|4) echo "# $name: cannot work here: $(grep -iE 'skip|not' /tmp/out | head -n 1)"; continue ;; esac
	check $s "stress-ng $name, $cpus for $seconds s" "status $s; $(grep -iE 'fail|error' /tmp/out | head -n 2 | tr '\n' ';')"
	dmesg | grep -E 'WARNING|BUG:|detected stall|lockup|Oops' >/tmp/log
	[ ! -s /tmp/log ] || not_ok "stress-ng $name: the kernel's log: $(head -n 2 /tmp/log)"
done
exit $failed
