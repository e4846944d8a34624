#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# seeded-smp.sh: each bug of tests/guests/seeded-smp/ in the protocol of several vCPUs (docs/smp.md) put into a copy of lg.ko, one
# after the other; the tests that its patch names ("TESTS ...") run in a host with two CPUs, and one of them must fail, or the kernel complain. With "HOST bochs"
# that host is Bochs, whose TLB keeps PCIDs; with "DEBUG" the module is built with LG_DEBUG=1, whose own checks may find it. Without a bug the module must pass all of
# them in the same host. Prints TAP.
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

# run LG.KO TESTS: the tests' own lines, and one for the kernel's log
run() {
	local host='--smp 2 --pti on --timeout 280'
	[ "$bochs" = 0 ] || host='--emulator bochs --smp 2 --pti on --timeout 1500'
	# shellcheck disable=SC2086
	tests/host/run $host --file "$1:/lg.ko" --file "$lgtest:/lgtest" -- \
		"insmod /lg.ko && /lgtest --short $2; dmesg | grep -E 'lguest:.*(used again|BUG)' && echo 'not ok kernel-log'" 2>&1 | tee "$work/log" | grep -E '^(not )?ok '
}

[ $# -gt 0 ] || set -- $(basename -s .patch tests/guests/seeded-smp/*.patch)
passes=
for name; do
	patch=tests/guests/seeded-smp/$name.patch
	tests=$(sed -n 's/^TESTS //p' "$patch")
	bochs=$(grep -c '^HOST bochs' "$patch") debug=$(grep '^DEBUG' "$patch")
	MODULE_FLAGS=${debug:+LG_DEBUG=1}
	# The same tests in the same host, without the bug: once for each set of them
	case $passes in *"[$bochs$debug $tests]"*) ;; *)
		clean=$ko
		[ -z "$debug" ] || { module 6.1 && clean=$work/src/kmod/lg.ko; }
		run "$clean" "$tests" >"$work/out"
		[ "$(grep -c ^ok "$work/out")" = "$(wc -w <<<"$tests")" ] && ! grep -q '^not' "$work/out"
		check $? "without a bug: $tests${debug:+, LG_DEBUG}" "$(grep ^not "$work/out" | tr '\n' ';')"
		passes="${passes}[$bochs$debug $tests]" ;;
	esac
	module 6.1 patch -s -p1 -i "$PWD/$patch"
	check $? "$name: is put in and builds"
	run "$work/src/kmod/lg.ko" "$tests" >"$work/out"
	found=$(sed -nE 's/^not ok ([0-9]+ )?([^ :]*).*/\2/p' "$work/out" | tr '\n' ' ')
	[ -n "$found" ]
	check $? "$name: found by: $found"
done
exit $failed
