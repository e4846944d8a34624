#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# ticks.sh LGTEST [KERNEL|seeded...]: a guest that computes for ever beside a thread that a timer wakes each millisecond, on one CPU whose
# time is counted in instructions, so that a busy machine changes nothing: no tick is lost, on any kernel. seeded: a module that gives 7.3
# its interrupts as it gives older ones theirs, with the frame's interrupt flag off: there ticks must be lost. Default: 6.1 6.12 7.3 seeded.
# Prints TAP.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/trial.sh
lgtest=$1; shift
parts=${*:-6.1 6.12 7.3 seeded}

host() { # host KERNEL [SILENCE]
	tests/host/run --icount --kernel "$1" --pti off --timeout 1800 --silence "${2:-900}" --file "$work/src/kmod/lg.ko:/lg.ko" --file "$lgtest:/lgtest" -- \
		"insmod /lg.ko && /lgtest ticks" >"$work/log" 2>&1
}

# The timer is never armed again: the guest has the CPU for ever, and the host hangs with it. Its guest is in top-level slot 257
seeded() {
	put_in "ticks on 7.3, interrupts off in the frame" 7.3 sed -i 's/^#define LG_GATE_FLAGS	X86_EFLAGS_IF$/#define LG_GATE_FLAGS	0/' kmod/compat.h
	host 7.3 300
	status=$?
	{ [ $status = 1 ] && grep -q '^not ok .*ticks' "$work/log"; } || { [ $status = 124 ] && grep -q '^host: .*CPU 0 at 0xffff808' "$work/log"; }
	check $? "ticks on 7.3, interrupts off in the frame: found: $(grep -m 1 -o '^not ok .*\|has said nothing.*CPU 0 at [^;]*' "$work/log")"
}

for part in $parts; do
	[ "$part" = seeded ] && { seeded; continue; }
	module "$part"
	check $? "ticks on $part: the module builds"
	host "$part"
	check $? "ticks on $part: none is lost: $(grep -m 1 -o '^# ticks: .*' "$work/log" | cut -c3-)"
done
exit $failed
