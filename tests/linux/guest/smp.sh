#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs inside a guest with several CPUs: are they there, do they go and come, is what goes from one to the other whole; then smp.c's checks.
# TAP on standard output; its status is 1 when something failed.
#
#	smp.sh CPUS MILLISECONDS [ROUNDS [NAMES...]]	what nproc must say, for how long each of smp.c's checks, how often CPUs go and come
. /tap.sh
cpus=$1 ms=$2 rounds=${3:-3}
shift 2; [ $# = 0 ] || shift
[ "$(nproc)" = "$cpus" ]; check $? "nproc is $cpus" "$(nproc)"
[ "$(grep -c ^processor /proc/cpuinfo)" = "$cpus" ]; check $? "/proc/cpuinfo has $cpus processors"

# Sums of the same data by processes on all CPUs, through pipes between them, while CPUs go off and on
head -c 2000000 /dev/urandom >/tmp/data
sum=$(md5sum </tmp/data)
sums() {
	for turn in 1 2; do
		got=$(cat </tmp/data | taskset "$1" cat | cat | md5sum)
		[ "$got" = "$sum" ] || echo "mask $1, turn $turn: $got" >>/tmp/wrong
	done
}
: >/tmp/wrong
i=0
while [ $i -lt $((2 * cpus)) ]; do
	sums "$(printf %x $((1 << i % cpus | 1)))" &
	i=$((i + 1))
done
round=0 seen=
while [ $round -lt "$rounds" ]; do
	cpu=1
	while [ $cpu -lt "$cpus" ]; do
		echo 0 >/sys/devices/system/cpu/cpu$cpu/online || echo "CPU $cpu does not go off" >>/tmp/wrong
		[ "$(nproc)" = $((cpus - 1)) ] || echo "CPU $cpu is off, nproc says $(nproc)" >>/tmp/wrong
		echo 1 >/sys/devices/system/cpu/cpu$cpu/online || echo "CPU $cpu does not come back" >>/tmp/wrong
		cpu=$((cpu + 1))
	done
	round=$((round + 1))
done
wait
[ ! -s /tmp/wrong ]; check $? "sums over pipes, while CPUs went off and on $round times each" "$(head -n 3 /tmp/wrong | tr '\n' ';')"
[ "$(nproc)" = "$cpus" ]; check $? "all CPUs are back" "$(nproc)"
# An interrupt that each CPU has for itself
idle=$(awk -v n="$cpus" '/call-single|CAL:|function call/ { for (i = 2; i <= n + 1; i++) if (!$i) print i - 2 }' /proc/interrupts)
[ -z "$idle" ]; check $? "each CPU was called by others" "not CPU $idle"

/smp "$ms" "$@" || failed=1
dmesg | grep -iE 'warning|bug:|oops|RIP: 0010|unable to handle|detected stall|rcu.* stall|lockup|No irq handler' >/tmp/log
[ ! -s /tmp/log ]; check $? "the kernel's log" "$(head -n 3 /tmp/log | tr '\n' ';')"
exit $failed
