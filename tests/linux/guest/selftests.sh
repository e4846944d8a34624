#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs the kernel's self-tests in /selftests, each with a bound in time: between lines "=== begin NAME" and "=== end NAME STATUS" is what it says.
cd /selftests || exit 1
mkdir -p /dev/hugepages /sys/kernel/debug /tmp/cwd
mount -t hugetlbfs none /dev/hugepages
mount -t debugfs none /sys/kernel/debug 2>/dev/null
echo 24 >/proc/sys/vm/nr_hugepages
echo 1 >/proc/sys/vm/overcommit_memory
echo always >/sys/kernel/mm/transparent_hugepage/enabled
echo 4096 >/proc/sys/kernel/pid_max	# a test waits until a number is used again
hostname selftest
export LD_LIBRARY_PATH=. GLIBC_TUNABLES=glibc.pthread.rseq=0	# restartable sequences are the tests' own
while read -r program; do
	echo "=== begin $program"
	(cd "${program%/*}" && timeout -s KILL 400 "./${program##*/}" </dev/null 2>&1)
	echo "=== end $program $?"
done </selftests/list
echo "=== all"
