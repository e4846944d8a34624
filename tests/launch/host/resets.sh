#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the test host, beside the programs, the guest's kernel and its file system (resets-guest.sh): roles of all kinds are killed while the
# guest takes the drivers from its devices and gives them back, with verified I/O between. TAP on standard output.
#
#	resets.sh KILLS REBINDS SIZE	kills in all, at least so many rounds of the guest, bytes of its disk in use
. "$(dirname "$0")/lib.sh"
kills=$1 rebinds=$2 size=$3 out=out err=err seen= tap_prefix="recovery: "
. ./recovery-lib.sh

load 1
truncate -s 256M disk
truncate -s 1M report
lguest_run --cmdline "quiet rdinit=/lguest/recovery FIO_SIZE=$size REBINDS=$rebinds" --block report --$bare
await 180 '<lines' $out
check $? "a guest that verifies a disk and prints lines"
k=0 done=0
while [ $k -lt $kills ] && kill -0 $run; do
	k=$((k + 1))
	case $((k % 8)) in
	1|3|5|7) role=block0 ;; 2) role=net0 ;; 4) role=console0 ;; 6) role=${bare}0 ;; 0) role=block1 ;;
	esac
	kill_role $role && done=$((done + 1))
	random_ms 2000
done
[ $done = $kills ]
check $? "kill -9 of $done roles: each came back"
printf stop | dd of=report bs=4096 seek=32 conv=notrunc,sync 2>/dev/null
ended 600
tr -d '\000' <report >found
quoted found | tail -n 40
check $status "the guest ends by itself, and nothing was wrong in it, status $status"
rounds=$(sed -n 's/.*rounds \([0-9]*\) wrong 0.*/\1/p' found | tail -n 1)
[ "${rounds:-0}" -ge $rebinds ]
check $? "each driver was rebound ${rounds:-0} times: no error, no corruption, write-through stays"
# Each round's lines are a text of their own. The terminal puts a CR before each LF.
tr -d '\r' <$out | awk '/<lines/ { n++ } n { print > ("lines." n) }'
n=0 bad=0
for f in lines.*; do
	n=$((n + 1))
	grep -q 'lines>' $f || { [ $n = 1 ] || echo "# $f has no end"; }
	recover verify $f >verified || { bad=$((bad + 1)); sed "s/^/$f: /" verified | quoted; }
done
[ $bad = 0 ] && [ $n -ge $rebinds ]
check $? "no byte of the console is lost in $n rounds"
recoveries '1,$' '' block0 block1 net0 console0 ${bare}0
complaints
exit $failed
