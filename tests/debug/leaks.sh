#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# leaks.sh clear|look: in the test host, before and after what may leak: what kmemleak knows so far is forgotten; what it finds since then is
# a failed check. Where the kernel has no kmemleak it does nothing. TAP on standard output.
. /test/tap.sh
leaks=/sys/kernel/debug/kmemleak

[ -e $leaks ] || exit 0
if [ "$1" = clear ]; then
	echo clear >$leaks
	exit
fi
# Objects younger than some seconds are not reported, and what goes by RCU takes its time
sleep 6; echo scan >$leaks; sleep 6; echo scan >$leaks
found=$(cat $leaks)
echo "$found" | quoted | head -n 40
[ -z "$found" ]; check $? "kernel: no memory leaked"
exit $failed
