#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# kvm.sh LG.KO LGTEST: KVM (kvm_amd, on QEMU's emulated SVM) and guests on one CPU of the host; then the same with a module that handles the
# system-call registers as it does where KVM cannot run, whose host must not live, or its KVM not begin. Prints TAP.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/trial.sh
ko=$1 lgtest=$2
root=$(tests/host/mkhost.sh 6.1)/root/lib/modules

# with MODULE: it and what it depends on, each behind what it needs
modules=
with() {
	local file
	file=$(find "$root" \( -name "$1.ko" -o -name "${1//_/-}.ko" \) | head -n 1)
	[ -n "$file" ] || return
	for m in $(modinfo -F depends "$file" | tr , ' '); do with "$m"; done
	case " $modules " in *" $file "*) ;; *) modules="$modules $file" ;; esac
}
with kvm-amd

# host LG.KO
host() {
	local files=() load='' m
	for m in $modules; do
		files+=(--file "$m")
		load="$load insmod /$(basename "$m") &&"
	done
	tests/host/run --smp 2 --pti off --timeout 120 --dmesg-clean "${files[@]}" --file "$1:/lg.ko" --file "$lgtest:/lgtest" -- \
		"$load insmod /lg.ko && /lgtest --short kvm && rmmod lg" >"$work/log" 2>&1
}

host "$ko"
status=$?
grep -q '^ok .*kvm' "$work/log"
check $? "kvm: machines and guests beside each other"
check $status "kvm: the host lives and its log is clean"

put_in "kvm: the registers kept for all of RUN, EFER restored whole" 6.1 patch -s -p1 -i "$PWD/tests/guests/kvm-old-msrs.patch"
host "$work/src/kmod/lg.ko"
status=$?
# The host dies (a BUG in KVM), or KVM refuses to begin, whichever comes first; that it could not be started is no find
[ $status = 98 ] || [ $status = 99 ] || grep -q '^host: .*kernel BUG' "$work/log" || { [ $status = 1 ] && grep -q '^not ok .*kvm' "$work/log"; }
check $? "kvm: the registers kept for all of RUN, EFER restored whole: found: $(grep -m 1 -o 'kernel BUG.*\|^not ok .*' "$work/log" | cut -c1-120)"
