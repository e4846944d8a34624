#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# seeded.sh: each bug of a folder here put into a copy of lg.ko, one after the other: seeded/ are bugs of the TLB, seeded-smp/ of the protocol
# of several vCPUs (docs/smp.md). The tests that its patch names ("TESTS ...") run in a host with two CPUs, or in the one of "HOST OPTIONS"
# (Bochs, whose TLB keeps PCIDs as a processor's does); one of them must fail, or the kernel complain. With "DEBUG" the module is built with
# LG_DEBUG=1, whose own checks may find it. "SEEDS N" runs the tests with as many seeds of their random numbers. Without a bug the module must pass all of them in the same host. Prints TAP.
#
#	seeded.sh seeded|seeded-smp LG.KO LGTEST [NAME...]
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/trial.sh
bugs=tests/guests/$1 ko=$2 lgtest=$3; shift 3

# run LG.KO: the tests' own lines, and one for the kernel's log
run() {
	# shellcheck disable=SC2086
	tests/host/run $host --file "$1:/lg.ko" --file "$lgtest:/lgtest" -- \
		"insmod /lg.ko && for s in $(seq -s ' ' "$seeds"); do /lgtest --short --seed \$s $tests; done; dmesg | grep -E 'lguest:.*(used again|BUG)' && echo 'not ok kernel-log'" 2>&1 |
		tee "$work/log" | grep -E '^(not )?ok '
}

[ $# -gt 0 ] || set -- $(basename -s .patch "$bugs"/*.patch)
passes=
for name; do
	patch=$bugs/$name.patch
	tests=$(sed -n 's/^TESTS //p' "$patch") host=$(sed -n 's/^HOST //p' "$patch") debug=$(grep '^DEBUG' "$patch") seeds=$(sed -n 's/^SEEDS //p' "$patch")
	seeds=${seeds:-1}
	[ -n "$host" ] || host='--smp 2 --pti on --timeout 280'
	MODULE_FLAGS=${debug:+LG_DEBUG=1}
	# The same tests in the same host, without the bug: once for each set of them
	case $passes in *"[$host$debug $seeds $tests]"*) ;; *)
		clean=$ko
		[ -z "$debug" ] || { module 6.1 && clean=$work/src/kmod/lg.ko; }
		run "$clean" >"$work/out"
		[ "$(grep -c ^ok "$work/out")" = "$((seeds * $(wc -w <<<"$tests")))" ] && ! grep -q '^not' "$work/out"
		check $? "without a bug: $tests${debug:+, LG_DEBUG}" "$(grep ^not "$work/out" | tr '\n' ';')"
		passes="${passes}[$host$debug $seeds $tests]" ;;
	esac
	put_in_patch "$patch" 6.1
	run "$work/src/kmod/lg.ko" >"$work/out"
	found=$(sed -nE 's/^not ok ([0-9]+ )?([^ :]*).*/\2/p' "$work/out" | tr '\n' ' ')
	[ -n "$found" ]
	check $? "$name: found by: $found"
done
exit $failed
