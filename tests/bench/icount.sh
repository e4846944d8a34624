#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# icount.sh LG.KO LGTEST [HOST OPTIONS...]: what a hypercall, a system call, a page fill and an interrupt of a guest cost, in instructions.
# QEMU's -icount makes the test host's TSC count instructions, so the numbers are the same on every run and machine; they are not
# time. Prints a table: the median and the minimum of 201.
set -eu
ko=$1 lgtest=$2; shift 2
cd "$(dirname "$0")"
out=$(../host/run --icount --timeout 300 "$@" --file "$ko" --file "$lgtest" -- \
	"insmod /$(basename "$ko") && /$(basename "$lgtest") --verbose bench") || { echo "$out" >&2; exit 1; }
echo "$out" | grep -q '^ok .*bench' || { echo "$out" >&2; exit 1; }
printf '%10s %8s  %s\n' median minimum 'instructions for'
echo "$out" | sed -nE 's/^# bench says: bench: (.*): ([0-9]+) \(([0-9]+)\)$/\2 \3 \1/p' | while read -r median minimum what; do
	printf '%10s %8s  %s\n' "$median" "$minimum" "$what"
done
