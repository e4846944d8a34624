#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the test host, beside the programs, the guest's kernel and "idle": the same idle guest without and with --control, their memory.
. "$(dirname "$0")/lib.sh"
tap_prefix="pss: "
. ./console.sh

# measure OPTION...: $total KiB, $names
measure() {
	local s
	: >$out
	lguest-run --kernel vmlinux --initrd idle --net tap0 --block ro:img "$@" >$out 2>&1 </dev/null &
	run=$!
	within 400 printed 'guest is up' || { quoted $out; not_ok "a guest $*"; exit 1; }
	sleep 10
	total=0 names=
	for p in $(tree); do
		n=$(pss $p)
		echo "# PSS $n KiB: $(tr '\0' ' ' </proc/$p/cmdline | cut -d' ' -f1)"
		names="$names $(tr '\0' ' ' </proc/$p/cmdline | cut -d' ' -f1)" total=$((total + n))
	done
	kill $run; wait $run
	within 10 nothing_runs
	check $? "nothing is left of the guest${1:+ with $1}"
}

load 1
before
truncate -s 64M img
measure
without=$total
measure --control /tmp/control
echo "$names" | grep -q control
check $? "one of the processes is lguest-control"
[ $without -gt 100 ] && [ $((total - without)) -gt 20 ] && [ $((total - without)) -le 512 ]
check $? "PSS of all processes, idle: $without KiB without --control, $total KiB with it, at most 512 more"
after "two guests"
exit $failed
