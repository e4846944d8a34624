#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# ibt.sh LGTEST [KERNEL...]: hosts with kernel IBT, where the processor refuses to go on at CPL 0 anywhere but at an ENDBR64. The suite on
# each kernel (default 6.12 and 7.3) under Bochs's models that have it, then modules with one ENDBR64 of the switcher taken out: the tests or
# the host must fail. Prints TAP. A run whose host has IBT off fails: it would show nothing. Protection keys are off (nopku): on these models Bochs
# checks PKRU for writes to supervisor pages, too, which no processor does, and dies with the first event while a guest denies itself all.
# The ITS thunks are off: with them, 6.12 on tigerlake complains of its own ("CPA detected W^X violation") whenever any module is loaded.
#
# In pieces: IBT_MODELS='tigerlake' and IBT_PART=suite (nothing seeded), 2/5 (nor all of the suite: every fifth test, from the second on), or
# seeded (no suite).
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/trial.sh
lgtest=$1; shift
kernels=${*:-6.12 7.3}
models=${IBT_MODELS:-sapphire_rapids tigerlake}
part=${IBT_PART:-all}
short_tests="hello hcall-null irq-user exceptions"

# The first ENDBR64 behind a label goes
without() { sed -i "/$1/,/endbr64/{/endbr64/d}" kmod/switcher_64.S; }

# host KERNEL MODEL COMMAND
host() {
	tests/host/run --emulator bochs --kernel "$1" --pti off --cpu "$2" --timeout 4000 --append "nopku indirect_target_selection=off" --dmesg-clean \
		--file "$work/src/kmod/lg.ko:/lg.ko" --file "$lgtest:/lgtest" --file tests/guests/suite.sh:/suite.sh -- \
		"grep -qw ibt /proc/cpuinfo && echo 'ok kernel IBT is on'; $3"
}

suite() { # suite KERNEL MODEL
	where="$1 on $2"
	module "$1"
	check $? "$where: the module builds"
	host "$1" "$2" "sh /suite.sh --short --part $tests" >"$work/log" 2>&1
	echo "status $?" >>"$work/log"
	sed -nE "s/^(not )?ok ([0-9]+ )?(.*)/\1ok $where: \3/p" "$work/log"
	grep -q '^not ok' "$work/log" && failed=1
	grep -q '^ok kernel IBT is on' "$work/log"
	check $? "$where: kernel IBT is on"
	grep -q '^status 0$' "$work/log"
	check $? "$where: the host lives and its log is clean"
}

seeded() { # seeded KERNEL
	for label in 'lg_idt_stubs, SYM_L' 'lg_syscall, SYM_L' 'lg_switcher_enter, SYM_L'; do
		where="$1, no ENDBR64 at ${label%,*}"
		put_in "$where" "$1" without "$label"
		host "$1" sapphire_rapids "insmod /lg.ko && /lgtest --short $short_tests" >"$work/log" 2>&1
		status=$?
		# The host must have died or complained of it: a module that does not load, or an emulator that is slow, is not a find
		grep -q '^ok kernel IBT is on' "$work/log" && { [ $status = 98 ] || [ $status = 99 ] || grep -q 'Missing ENDBR' "$work/log"; }
		check $? "$where: found" "status $status"
	done
}

case $part in */*) tests=$part ;; *) tests=1/1 ;; esac
for kernel in $kernels; do
	[ "$part" = seeded ] || for model in $models; do suite "$kernel" "$model"; done
	case $part in seeded | all) seeded "$kernel" ;; esac
done
exit $failed
