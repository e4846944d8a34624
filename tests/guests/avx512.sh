#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# avx512.sh LGTEST [KERNEL|seeded...]: the guest's AVX-512 state and a host thread's over 10^6 preemptions (SHORT=1: 20,000), in Bochs, whose
# sapphire_rapids has it. On 7.3 lg.ko keeps the state itself, on 6.1 the kernel does. seeded: a module for 7.3 that does not save the upper
# vector registers: it must be found. Default: 7.3 6.1 seeded. REPEAT=10, with SHORT=1: ten guests of 20,000, one after the other. Prints TAP.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/trial.sh
lgtest=$1; shift
parts=${*:-7.3 6.1 seeded}
short="${SHORT:+--short }${REPEAT:+--repeat $REPEAT}"

host() { # host KERNEL OPTIONS
	tests/host/run --emulator bochs --cpu sapphire_rapids --kernel "$1" --pti off --append "nopku indirect_target_selection=off" --dmesg-clean \
		--timeout 14400 --silence 14000 --file "$work/src/kmod/lg.ko:/lg.ko" --file "$lgtest:/lgtest" -- \
		"insmod /lg.ko && /lgtest $2 avx512" >"$work/log" 2>&1
}

seeded() {
	put_in "avx512 on 7.3, the state not saved" 7.3 sed -i '/^#define GUEST_XSTATE/s/ | XFEATURE_MASK_AVX512//' kmod/fpu.c
	host 7.3 --short
	[ $? = 1 ] && grep -q '^not ok .*avx512' "$work/log"
	check $? "avx512 on 7.3, the state not saved: found: $(grep -m 1 -o '^not ok .*' "$work/log" | cut -c1-140)"
}

for part in $parts; do
	[ "$part" = seeded ] && { seeded; continue; }
	module "$part"
	check $? "avx512 on $part: the module builds"
	host "$part" "$short"
	check $? "avx512 on $part: each has its own: $(awk '/^# avx512: / { n += $8 } END { print n }' "$work/log") preemptions"
done
exit $failed
