#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# seeded.sh: each bug of tests/guests/seeded/ put into a copy of lg.ko, one after the other, and the tests that are there
# for it run under Bochs, whose TLB keeps what a processor's keeps. A bug is found when one of them fails; the module
# without a bug must pass them all. Prints TAP.
#
#	seeded.sh LG.KO LGTEST
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/tap.sh
. tests/lib/module.sh
ko=$1 lgtest=$2
tests="lose-lost roots-5 roots-300 root-drop busy pair overlap overlap-text"
work=$(mktemp -d /var/tmp/lguest-seeded.XXXXXX)
trap 'rm -rf "$work"' EXIT
seen=$work/log

# run LG.KO: the tests' own lines
run() {
	tests/host/run --emulator bochs --pti on --timeout 1500 --file "$1:/lg.ko" --file "$lgtest:/lgtest" -- \
		"insmod /lg.ko && /lgtest --short $tests" 2>&1 | tee "$work/log" | grep -E '^(not )?ok '
}

run "$ko" >"$work/out"
[ "$(grep -c ^ok "$work/out")" = "$(wc -w <<<"$tests")" ]
check $? "without a bug: all pass"
for patch in tests/guests/seeded/*.patch; do
	name=$(basename "$patch" .patch)
	module 6.1 patch -s -p1 -i "$PWD/$patch"
	check $? "$name: is put in and builds"
	run "$work/src/kmod/lg.ko" >"$work/out"
	found=$(sed -nE 's/^not ok ([0-9]+ )?([^ :]*).*/\2/p' "$work/out" | tr '\n' ' ')
	[ -n "$found" ]
	check $? "$name: found by: $found"
done
exit $failed
