#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# model.sh: the protocol of several vCPUs (protocol.pml, docs/smp.md) checked by spin: what is right must pass whole, each seeded bug must be
# found. Prints TAP. The short form takes seconds; --all the three vCPUs of the full model too, which is minutes and 5 GiB.
#
#	model.sh [--all]
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/tap.sh"
"$here/../../scripts/deps.sh" model >&2 || exit 2
work=$(mktemp -d /var/tmp/lguest-model.XXXXXX)
trap 'rm -rf "$work"' EXIT

# run NAME pass|bug DEFINES...: bounded to 170 s and 7 GiB
run() {
	name=$1 want=$2; shift 2
	mkdir -p "$work/$name"
	(cd "$work/$name" && spin "$@" -a "$here/protocol.pml" && gcc -O2 -w -DSAFETY -DMEMLIM=7000 -DCOLLAPSE -o pan pan.c) >"$work/log" 2>&1
	[ -x "$work/$name/pan" ] || { seen=$work/log not_ok "$name: does not build"; return; }
	(cd "$work/$name" && timeout 170 ./pan -m200000 -n >out 2>&1) || echo "errors: 0 unfinished" >"$work/$name/out"
	errors=$(sed -n 's/.*errors: \([0-9]*\)$/\1/p' "$work/$name/out")
	states=$(sed -n 's/ *\([0-9.e+]*\) states, stored.*/\1/p' "$work/$name/out")
	what=$(sed -n 's/^pan:1: \(.*\) (at depth.*/\1/p' "$work/$name/out" | head -1)
	# A search that was cut short has shown nothing
	if grep -q "Search not completed" "$work/$name/out" && [ "$want" = pass ]; then errors=unfinished; fi
	case $want:$errors in
	pass:0) ok "$name: all of $states states" ;;
	bug:[1-9]*) ok "$name: found after $states states: $what" ;;
	*) not_ok "$name: errors '$errors' of $states states" ;;
	esac
}

run two-vcpus pass -DNV=2 -DROUNDS=4
run two-vcpus-seq pass -DSEQ -DNV=2 -DROUNDS=4
run three-vcpus pass -DNV=3 -DROUNDS=1
for bug in OWN_QUEUE FREE_EARLY WALK_UNLOCKED LATE_WHERE EVENT_BASED GEN_FIRST REUSE_AT_ONCE; do
	run "bug-$bug" bug -DNV=3 -DROUNDS=2 "-DBUG_$bug"
done
run bug-NO_SEQ bug -DSEQ -DNV=3 -DROUNDS=2 -DBUG_NO_SEQ
if [ "${1-}" = --all ]; then
	run bug-DONE_EARLY bug -DNV=3 -DROUNDS=2 -DBUG_DONE_EARLY
	run three-vcpus-leaf pass -DNV=3 -DROUNDS=2 -DNO_TABLE
	run three-vcpus-2 pass -DNV=3 -DROUNDS=2
fi
exit $failed
