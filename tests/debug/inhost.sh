#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# inhost.sh COMMAND...: runs in the test host beside lg.ko: loads the module, runs COMMAND, unloads it, and looks at what the kernel's
# checkers say: its log (with `run --dmesg-clean` outside), taints, and leaks of memory (on the debug host). TAP on standard output.
cd "$(dirname "$0")" || exit 2
. /test/tap.sh
leaks=/sys/kernel/debug/kmemleak

insmod ./lg.ko; check $? "module: loads"
taint=$(cat /proc/sys/kernel/tainted)
[ ! -e $leaks ] || echo clear >$leaks
"$@" || failed=1
rmmod lg; check $? "module: unloads"
[ "$(cat /proc/sys/kernel/tainted)" = "$taint" ]; check $? "kernel: not tainted by what ran"
if [ -e $leaks ]; then
	# Objects younger than some seconds are not reported, and what goes by RCU takes its time
	sleep 6; echo scan >$leaks; sleep 6; echo scan >$leaks
	found=$(cat $leaks)
	echo "$found" | sed 's/^/# /' | head -n 40
	[ -z "$found" ]; check $? "kernel: no memory leaked"
fi
exit $failed
