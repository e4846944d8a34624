#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the test host, beside the programs, the guest's kernel and its file system (recovery-guest.sh): device roles are killed
# and stopped while the guest writes and verifies a disk, prints numbered lines and answers pings. TAP on standard output.
#
#	recovery.sh KILLS STOP	KILLS of block, half as many of net and console; each stopped for STOP seconds
#	recovery.sh restart N	each of them replaced N times by its program as it is installed, as an operator does it
. "$(dirname "$0")/lib.sh"
kills=$1 stop=$2 restarts=0 out=out err=err seen= tap_prefix="recovery: "
. ./recovery-lib.sh
[ $kills != restart ] || { restarts=$stop; kills=0 stop=0; }

phase() { echo $1 >&3; usleep 300000; }

# stop_role NAME: SIGSTOP for a while; it must not take that long
stop_role() {
	pid=$(role $1)
	kill -STOP $pid && sleep $stop
	kill -CONT $pid 2>/dev/null
	[ "$(role $1)" != "$pid" ]
	check $? "a stopped $1 is replaced"
	sleep 3
	phase $1-stopped
}

# restart_all: every role by lguestctl, which answers when the new process serves; each at most once in 5 s
restart_all() {
	for r in block0 net0 console0; do
		pid=$(role $r)
		lguestctl "$PWD/ctl" restart $r >>restarts.log 2>&1 && [ "$(role $r)" != "$pid" ] && restarted=$((restarted + 1))
	done
	random_ms 300
	usleep 5000000
}

load 1
truncate -s 256M disk
lguest_run --cmdline quiet --control "$PWD/ctl"
await 120 '<lines' $out && sleep 2
check $? "a guest that verifies a disk, prints lines and answers pings"
ping 10.77.0.2 >ping.out 2>&1 &
ping=$!
phase start
[ $stop = 0 ] || sleep 10
phase undisturbed
k=0 done_block=0 done_net=0 done_console=0
while [ $k -lt $kills ] && kill -0 $run; do
	k=$((k + 1))
	kill_role block0 && done_block=$((done_block + 1))
	if [ $((k % 2)) = 0 ]; then kill_role net0 && done_net=$((done_net + 1))
	else kill_role console0 && done_console=$((done_console + 1)); fi
	random_ms 300
done
restarted=0 n=0
while [ $n -lt $restarts ] && kill -0 $run; do n=$((n + 1)); restart_all; done
phase killed
said=$(wc -l <$err)
if [ $restarts = 0 ]; then
	[ $done_block -ge $kills ] && [ $done_net -ge $((kills / 2)) ] && [ $done_console -ge $((kills / 2)) ]
	check $? "kill -9 of block $done_block times, of net $done_net, of console $done_console: each came back"
else
	[ $restarted = $((restarts * 3)) ] || quoted restarts.log
	[ $restarted = $((restarts * 3)) ]
	check $? "lguestctl restart of three devices, $restarts times: $restarted new processes serve"
fi
if [ $stop != 0 ]; then for r in block0 net0 console0; do stop_role $r; done; fi
ping -c 3 -q 10.77.0.2 >/dev/null
check $? "the guest answers pings after all that"
kill -INT $ping; wait $ping
z=$(ps -o ppid,stat,args | awk -v r=$run '$1 == r && $2 ~ /Z/' | wc -l)
[ $z = 0 ]
check $? "lguest-run has no dead child that it did not reap ($z)"
tail -n 2 ping.out | head -n 1 | sed 's/^/while that went on: /' | quoted
echo stop >&3
ended 120
tr -d '\r' <$out | sed '1,/lines>/d' >found
quoted found
check $status "the guest ends by itself, status $status"
grep -q '^fio: [1-9][0-9]* passes without an error$' found
check $? "fio found no error and no corruption"
grep -q "^errors in the guest's log: 0$" found
check $? "nor is there one in the guest's log"
recover verify $out
check $? "no byte of the console is lost"
worst() { sed -n "s/^tick $1: \([0-9]*\) ms$/\1/p" found; }
# Disk and net cost the vCPU nothing. A console that is away does, while the guest prints: Linux's driver waits for it with interrupts
# off. So its new process's start bounds that. The limit is far from the 10 s that a role is stopped for, and is not less because an
# emulated host on a busy machine is away for a second by itself.
for p in killed $([ $stop = 0 ] || echo block0-stopped net0-stopped console0-stopped); do
	w=$(worst $p)
	[ -n "$w" ] && [ $w -lt 3000 ]
	check $? "the vCPU is never away for long: $p, longest ${w:-?} ms (undisturbed: $(worst undisturbed) ms)"
done
recoveries 1,$said ' killed' block0 net0 console0
recoveries "$((said + 1)),$" ' stopped' block0 net0 console0
complaints
exit $failed
