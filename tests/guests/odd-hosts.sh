#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# odd-hosts.sh LGTEST: lg.ko on hosts that are seldom. Those that no emulator makes are played by a change in lg.ko. Prints TAP.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/trial.sh
lgtest=$1

# host KERNEL COMMAND [OPTION...]: in a host with two CPUs
host() {
	local kernel=$1 command=$2; shift 2
	tests/host/run --kernel "$kernel" --smp 2 "$@" --file "$work/src/kmod/lg.ko:/lg.ko" --file "$lgtest:/lgtest" -- "$command" >"$work/log" 2>&1
}

# refused NAME KERNEL WORDS [OPTION...]: the module does not load, and says why
refused() {
	local name=$1 kernel=$2 words=$3; shift 3
	host "$kernel" 'insmod /lg.ko && /lgtest hello; dmesg' "$@"
	grep -q "lguest: not loaded: .*$words" "$work/log"
	check $? "$name: $(sed -n 's/^.*lguest: not loaded: //p' "$work/log" | head -n 1)"
}

put_in "a TSC that goes back while the host sleeps" 6.1 sed -i '/tsc_before, rdtsc_ordered/s/rdtsc_ordered()/rdtsc_ordered() + (1ULL << 60)/' kmod/suspend.c
host 6.1 'insmod /lg.ko && /lgtest --verbose suspend-back hello && rmmod lg' --dmesg-clean
check $? "a TSC that goes back while the host sleeps: $(sed -n 's/^# suspend-back: killed: //p' "$work/log")"

# The emulated host's AVX is what nobody saves here
put_in "registers that nobody saves" 7.3 sed -i 's/^#define GUEST_XSTATE.*/#define GUEST_XSTATE (XFEATURE_MASK_FP | XFEATURE_MASK_SSE)/' kmod/fpu.c
refused "registers that nobody saves" 7.3 '(XCR0 0x[0-9a-f]*4); .* clearcpuid=681$'
refused "no XSAVE" 7.3 'XSAVE switched off' --append noxsave
exit $failed
