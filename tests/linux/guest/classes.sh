#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs the stressors of /stress/list (CLASS/NAME) one after the other, on all CPUs, each verified by itself: classes.sh SECONDS. What it prints
# is for selftests-compare: "=== begin CLASS/NAME", what stress-ng said, each complaint of the kernel's as a verdict, "=== end CLASS/NAME STATUS".
# 3 and 4 mean that it cannot work here, and so does the verdict SKIP. It must be the same on a bare machine and in a guest.
seconds=$1
mount -t tmpfs -o size=160m tmpfs /tmp
mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null
ip link set lo up
echo
while read -r each <&3; do
	echo "=== begin $each"
	dmesg -c >/dev/null
	LD_LIBRARY_PATH=/stress timeout -s KILL $((seconds * 3 + 60)) /stress/ld.so --library-path /stress /stress/stress-ng --temp-path /tmp \
		--oomable --timeout "$seconds" --verify --"${each#*/}" "$(nproc)" >/tmp/out 2>&1 3<&-
	s=$?
	grep -iE 'fail|error|skip' /tmp/out | head -n 5 | sed 's/^/said: /'
	[ $s = 0 ] || tail -n 5 /tmp/out | sed 's/^/said: /'
	grep -q 'No stress workers invoked' /tmp/out && echo 'SKIP it cannot work here'	# whose status is 0
	dmesg | grep -E 'WARNING|BUG:|detected stall|lockup|Oops|unable to handle' | head -n 3 | sed 's/^/FAIL the log: /'
	echo "=== end $each $s"
	rm -rf /tmp/*
done 3</stress/list
echo "=== all"
