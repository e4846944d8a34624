#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# seeded.sh [NAME...]: each bug of tests/debug/seeded/ (FUZZER-WHAT.patch) put into a copy of lg.ko, one after the other: its fuzzer must
# find it on the debug host within 5 minutes. Without a bug, both run for a minute and find nothing. TAP on standard output.
#
#	seeded.sh --limit	prints the seconds that all of it may take: a host's limit for each part, and a module's (tests/lib/module.sh)
set -u
cd "$(dirname "$0")/../.." || exit 2
LIMIT=300 QUIET=60
. tests/lib/module.sh
if [ "${1-}" = --limit ]; then
	bugs=$(ls tests/debug/seeded/*.patch | wc -l)
	echo $((2 * $(tests/debug/fuzz.sh --limit $QUIET) + bugs * ($(tests/debug/fuzz.sh --limit $LIMIT) + MODULE_LIMIT)))
	exit
fi
. tests/lib/trial.sh

if [ $# = 0 ]; then
	for what in ioctl guest; do
		tests/debug/fuzz.sh $what $QUIET 1 debug >"$work/log" 2>&1
		check $? "fuzz-$what: without a bug, nothing for a minute"
	done
	set -- tests/debug/seeded/*.patch
else
	set -- "${@/#/tests/debug/seeded/}"
	set -- "${@/%/.patch}"
fi
for patch; do
	name=$(basename "$patch" .patch)
	MODULE_FLAGS=UBSAN_SANITIZE=y put_in_patch "$patch" debug
	began=$(date +%s)
	tests/debug/fuzz.sh "${name%%-*}" $LIMIT 1 debug "$work/src/kmod/lg.ko" >"$work/log" 2>&1
	status=$?
	# The kernel must have said it, or fallen silent under the fuzzer: that the emulator could not be started, say, or was slow, is not a find
	[ $status = 98 ] || [ $status = 99 ] ||
		{ [ $status = 124 ] && grep -q 'repeat with --seed' "$work/log" && ! grep -q 'the time limit of\|the host did not come up' "$work/log"; }
	check $? "$name: found in $(($(date +%s) - began)) s with the host's boot: $(grep -m 1 -o 'panicked: .*\|KASAN.*\|BUG: .*\|UBSAN.*\|hang.*' "$work/log" | cut -c1-120)"
done
exit $failed
