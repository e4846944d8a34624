# SPDX-License-Identifier: GPL-2.0
#
# idle-host.sh SECONDS: runs in the test host (idle.sh): a Linux guest with console, net and block that has nothing to do, and how often all
# of its processes and threads were woken in each second meanwhile. A wake-up is a sleep that ended: voluntary_ctxt_switches of proc(5).
# Prints "wakes N NAME" for each thread, in a thousandth of a second's, and their sum as "wakes N all".
. "$(dirname "$0")/lib.sh"

threads() {
	for pid in $(ps -o pid,args | grep -E 'lguest-|:core|:[a-z]+[0-9]' | grep -vE 'grep|idle-host' | awk '{ print $1 }'); do
		for t in /proc/"$pid"/task/*; do
			echo "$(tr '\0' ' ' <$t/cmdline | cut -d' ' -f1) ${t#/proc/} $(sed -n 's/^voluntary_ctxt_switches:[^0-9]*//p' $t/status) $(cat $t/comm)"
		done
	done
}

load 1
truncate -s 16M disk
: >$out
./lguest-run --kernel vmlinux --initrd nap.cpio --net tap0 --block disk --memory 96 --cmdline "quiet $2" --log $err </dev/null >$out 2>&1 &
within 120 printed 'guest is up' || { cat $err $out; exit 1; }
sleep 10	# what a boot has left to do
threads >one
from=$(now_ms)
sleep "$1"
threads >two
took=$(($(now_ms) - from))
awk -v ms=$took 'NR == FNR { had[$2] = $3; next }
	$2 in had { n = ($3 - had[$2]) * 1e6 / ms; sum += n; if (n >= 1) printf "wakes %d %s %s\n", n, $4, $1 }
	END { printf "wakes %d all\n", sum }' one two
kill %1
wait
