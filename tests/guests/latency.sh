#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# latency.sh LG.KO LGTEST: tiny/worst.c's tests beside the probe latency/lgprobe.c, in a host with one CPU whose time is counted
# in instructions (a nanosecond each; in Bochs, with EMULATOR=bochs, five), so that a busy machine changes nothing: at the default limit of
# shadow tables and at the largest, 262144. What the probe saw is printed before each result. Prints TAP.
#
#	[EMULATOR=bochs] latency.sh LG.KO LGTEST [TEST...]
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/trial.sh
ko=$1 lgtest=$2; shift 2
cp tests/guests/latency/lgprobe.c tests/guests/latency/Kbuild "$work"
if ! make -s -C "$(tests/host/headers.sh 6.1)" M="$work" modules >"$work/log" 2>&1; then
	not_ok "the probe builds"; exit 1
fi
[ $# -gt 0 ] || set -- $("$lgtest" --list | grep '^latency-')
# The probe's own timer and thread take some 15,000 instructions: in Bochs more than its ordinary period, and the guest would never run
case ${EMULATOR:-qemu} in
bochs) host="--emulator bochs --pti on --mem 1900 --timeout 3600 --silence 3600" probe="period=200000" ;;
*) host="--icount --mem 2048 --timeout 1800" probe="" ;;
esac
for t; do
	# shellcheck disable=SC2086
	tests/host/run $host --smp 1 --dmesg-clean --file "$ko:/lg.ko" --file "$work/lgprobe.ko:/lgprobe.ko" \
		--file "$lgtest:/lgtest" -- "insmod /lg.ko && insmod /lgprobe.ko $probe && /lgtest $t" >"$work/log" 2>&1
	status=$?
	grep -E '^# latency.*(interrupts off|signal)' "$work/log"
	[ $status = 0 ] && grep -qE "^ok [0-9]+ $t\$" "$work/log"; check $? "$t" "status $status"
	[ $status = 0 ] || quoted "$work/log"
done
