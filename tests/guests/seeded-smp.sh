#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# seeded-smp.sh: each bug of tests/guests/seeded-smp/ in the protocol of several vCPUs (docs/smp.md) put into a copy of lg.ko, one
# after the other; the tests that its patch names ("TESTS ...") run in a host with two CPUs, and one of them must fail. The module
# without a bug must pass them all. Prints TAP.
#
#	seeded-smp.sh LG.KO LGTEST [NAME...]
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/tap.sh
. tests/lib/module.sh
ko=$1 lgtest=$2; shift 2
work=$(mktemp -d /var/tmp/lguest-seeded-smp.XXXXXX)
trap 'rm -rf "$work"' EXIT
seen=$work/log

# run LG.KO TESTS: the tests' own lines
run() {
	# shellcheck disable=SC2086
	tests/host/run --smp 2 --pti on --timeout 280 --file "$1:/lg.ko" --file "$lgtest:/lgtest" -- \
		"insmod /lg.ko && /lgtest --short $2" 2>&1 | tee "$work/log" | grep -E '^(not )?ok '
}

tests_of() { sed -n 's/^TESTS //p' "$@" | tr ' ' '\n' | sort -u | tr '\n' ' '; }

[ $# -gt 0 ] || set -- $(basename -s .patch tests/guests/seeded-smp/*.patch)
patches=$(printf 'tests/guests/seeded-smp/%s.patch ' "$@")
# shellcheck disable=SC2086
tests=$(tests_of $patches)
run "$ko" "$tests" >"$work/out"
[ "$(grep -c ^ok "$work/out")" = "$(wc -w <<<"$tests")" ]
check $? "without a bug: all pass"
for name; do
	patch=tests/guests/seeded-smp/$name.patch
	module 6.1 patch -s -p1 -i "$PWD/$patch"
	check $? "$name: is put in and builds"
	run "$work/src/kmod/lg.ko" "$(tests_of "$patch")" >"$work/out"
	found=$(sed -nE 's/^not ok ([0-9]+ )?([^ :]*).*/\2/p' "$work/out" | tr '\n' ' ')
	[ -n "$found" ]
	check $? "$name: found by: $found"
done
exit $failed
