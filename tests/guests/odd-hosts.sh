#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# odd-hosts.sh LGTEST: lg.ko on hosts that are seldom. Those that no emulator makes are played by a change in lg.ko. Prints TAP.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/trial.sh
lgtest=$1

# host COMMAND: in a host with two CPUs
host() { tests/host/run --smp 2 --dmesg-clean --file "$work/src/kmod/lg.ko:/lg.ko" --file "$lgtest:/lgtest" -- "$1" >"$work/log" 2>&1; }

put_in "a TSC that goes back while the host sleeps" 6.1 sed -i '/tsc_before, rdtsc_ordered/s/rdtsc_ordered()/rdtsc_ordered() + (1ULL << 60)/' kmod/suspend.c
host 'insmod /lg.ko && /lgtest --verbose suspend-back hello && rmmod lg'
check $? "a TSC that goes back while the host sleeps: $(sed -n 's/^# suspend-back: killed: //p' "$work/log")"
exit $failed
