#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the test host, beside the programs and the probe kernel: what lguest-run says, how it ends, and what is left
# when any of its processes is killed. TAP on standard output.
. "$(dirname "$0")/lib.sh"
devices=$(ls devices | sed 's/\.sh$//')

# expect STATUS TEXT NAME OPTION...: the exit status, and a sentence on standard error that has TEXT
expect() {
	want=$1 text=$2 name=$3; shift 3
	timeout -s KILL 20 lguest-run "$@" >$out 2>$err </dev/null; got=$?
	[ $got = "$want" ] && grep -q "$own.*$text" $err
	check $? "$name" "status $got, wanted $want with '$text'"
}

# guest STATUS NAME OPTION...: the guest's own status, and nothing said by lguest-run
guest() {
	want=$1 name=$2; shift 2
	timeout -s KILL 20 lguest-run --kernel probe --cgroup none "$@" >$out 2>$err </dev/null; got=$?
	[ $got = "$want" ] && ! grep -q "$own" $err
	check $? "$name" "status $got, wanted $want"
}

# start OPTION...: a guest that spins, in the background; waits until it runs. Sets $run.
start() {
	: >$err; : >$out
	lguest-run --kernel probe --cmdline s "$@" >>$out 2>>$err </dev/null &
	run=$!
	within 5 said 'probe: '
}

K="--kernel probe --console none"

### before the module is loaded
expect 104 'there is no /dev/lguest: load the module' 'no module: a sentence and status 104' $K
modprobe tun
insmod ./lg.ko || { not_ok "the module loads"; exit 1; }

### the guest's own end
guest 0 'power-off with status 0' --console none --cmdline 0
guest 7 'power-off with status 7 is status 7' --console none --cmdline 7
guest 7 'the same with a console process' --cmdline '7'
expect 111 'asked for a restart' 'a restart is status 111' $K --cmdline r
expect 110 'the guest crashed: as asked' 'a panic is status 110, with its text' $K --cmdline p
expect 112 'killed: it touched a device register' 'a strange access is status 112' $K --cmdline x
guest 5 'a device process is up, its registers answer, and none of it is in the way' --cmdline 5 --name x --memory 64M

### mistakes
expect 100 'no kernel' 'no kernel named' --console none
expect 100 'did you mean --kernel' 'a mistyped option' --kernal probe
expect 101 'cannot open the kernel /nowhere: No such file' 'a kernel that is not there' --console none --kernel /nowhere
expect 101 'is not a file' 'a folder for a kernel' --console none --kernel /proc
expect 101 'cannot open the initrd' 'an initrd that is not there' $K --initrd /nowhere
expect 102 'not an lguest kernel' 'a foreign program for a kernel' --console none --kernel /bin/busybox
expect 102 'is not an ELF file' 'a script for a kernel' --console none --kernel launch.sh
: > empty
expect 102 'is not an ELF file' 'an empty file for a kernel' --console none --kernel empty
expect 103 'give it more with --memory' 'too little memory' $K --memory 16M
expect 103 'give the guest more with --memory' 'an initrd larger than memory' $K --memory 17M --initrd lg.ko
expect 101 'cannot open the image' 'an image that is not there' $K --block /nowhere
expect 101 'neither a file' 'a terminal for an image' $K --block /dev/null
expect 105 'there is no tap tap9' 'a tap that is not there' $K --net tap9
expect 105 'is not a tap' 'an interface that is not a tap' $K --net lo
expect 124 'no back end answers at /nowhere' 'a foreign back end that is not there' $K --vhost-user socket=/nowhere,type=block
expect 101 'cannot open the configuration' 'a configuration that is not there' --config /nowhere
dd if=/dev/zero of=img bs=1M count=1 2>/dev/null
start --console none --block img
expect 105 'the image img is in use' 'an image that another guest writes' $K --block img
expect 105 'the image img is in use' 'nor can it be read meanwhile' $K --block ro:img
kill $run; wait $run
ends 'everything ends behind it'
cp img img2
for_devices starts
guest 3 'a disk read-only and one writable' --console none --cmdline 3 --block ro:img --block img2,serial=A
guest 3 'a disk and no initrd' --console none --cmdline 3 --block ro:img
grep -q ' root=/dev/vda ro 3' $err; check $? 'the disk is the root then'
guest 3 'a root of the user'"'"'s own' --console none --cmdline root=/dev/vdb,3 --block ro:img
! grep -q 'root=/dev/vda' $err; check $? 'stays the only one'
mv /dev/lguest /dev/lguest.away; ln -s /dev/null /dev/lguest
expect 104 'is not lguest' 'another device in the place of /dev/lguest' $K
rm /dev/lguest; mv /dev/lguest.away /dev/lguest

### signals
for s in TERM:143 INT:130 HUP:129 QUIT:131; do
	start
	kill -${s%:*} $run; wait $run; got=$?
	[ $got = ${s#*:} ]; check $? "SIG${s%:*} is status ${s#*:}" "status $got"
	ends "nothing is left behind SIG${s%:*}"
done

### each process killed
start
kill -9 $run; wait $run 2>/dev/null
ends 'lguest-run killed: nothing is left'
start
kill -9 $(grandchild $run lguest-core); wait $run; got=$?
[ $got = 115 ]; check $? 'the core killed: status 115' "$got"
ends 'the core killed: nothing is left'
start
kill -9 $(child $run lguest-core); wait $run; got=$?
[ $got = 115 ]; check $? "the core's minder killed: status 115" "$got"
ends "the core's minder killed: nothing is left"
tools/ip tuntap add tap0 mode tap user 0
start --block img --net tap0 $other_devices
for which in grandchild child; do
	for role in console0 block0 net0 $(for d in $devices; do case $other_devices in *--$d*) echo ${d}0 ;; esac; done); do
		: >$err
		kill -9 $($which $run $role)
		within 2 said "$role is back"; check $? "$role ($which) killed: it is back"
	done
done
# The signal that a bug would cause (to the minder: a namespace's first process does not get it), as often as makes lguest-run give the role up
: >$err
i=0
while [ $i -lt 12 ] && ! grep -q 'died 5 times' $err; do
	kill -SEGV $(child $run block0) 2>/dev/null
	usleep 400000; i=$((i + 1))
done
grep -q 'block0 died 5 times within 30 s: the guest goes on' $err; check $? 'a role that keeps dying is given up'
kill -0 $run; check $? 'the guest lives on'
: >$err
old=$(grandchild $run console0)
kill -STOP $old
within 2 said 'console0 is back' && [ $(grandchild $run console0) != $old ]; check $? 'a role that is stopped is replaced at once'
core=$(grandchild $run lguest-core)
kill -STOP $core; usleep 500000; kill -CONT $core
usleep 500000
kill -0 $run && [ "$(grandchild $run lguest-core)" = $core ]; check $? 'stopping and continuing the core ends nothing'
# A core that hears of the death when the next process runs already: its report is about the old one
: >$err
core=$(grandchild $run lguest-core)
kill -STOP $core
kill -9 $(grandchild $run console0)
within 2 said 'starting it again'; usleep 500000
kill -CONT $core
within 2 said 'console0 is back'; sleep 3
grep -q 'console0 is back' $err && ! grep -q 'does not answer' $err; check $? 'a late report of a death does not end the next process'
kill $run; wait $run
ends 'nothing is left behind all that'

### who holds what
start --block img
core=$(grandchild $run lguest-core)
grep -q 'memfd:lguest-ram' /proc/$core/maps; check $? 'the core maps guest RAM'
# Whoever holds the device's file could outlive the core with the guest's pins.
for p in /proc/[0-9]*; do
	if ls -l $p/fd 2>/dev/null | grep -q '/dev/lguest$'; then [ $p = /proc/$core ] && echo core || { echo "other: $p"; tr '\0' ' ' <$p/cmdline; }; fi
done >/tmp/holders
[ "$(cat /tmp/holders)" = core ] || { quoted /tmp/holders; false; }
check $? 'the core alone holds /dev/lguest'
for role in console0 block0; do
	p=$(grandchild $run $role)
	if [ -n "$p" ] && ! grep -q lguest-ram /proc/$p/maps && ! ls -l /proc/$p/fd | grep -q lguest-ram; then ok "$role has nothing of guest RAM"
	else not_ok "$role has nothing of guest RAM"; fi
	n=$(grep -c memfd:lguest-window /proc/$p/maps)
	[ "$n" = 1 ]; check $? "$role maps one window" "$n"
done
a=$(grep lguest-window /proc/$(grandchild $run console0)/maps | awk '{ print $5 }')
b=$(grep lguest-window /proc/$(grandchild $run block0)/maps | awk '{ print $5 }')
[ -n "$a" ] && [ "$a" != "$b" ]; check $? 'each its own'
for p in $core $(grandchild $run console0) $(grandchild $run block0); do
	if grep -qE '^Uid:.18(79|8[0-3])[0-9]{6}' /proc/$p/status && grep -q '^Seccomp:.2' /proc/$p/status && grep -q '^CapEff:.0*$' /proc/$p/status &&
	   grep -q '^NoNewPrivs:.1' /proc/$p/status; then ok "$(tr '\0' ' ' </proc/$p/cmdline | cut -d' ' -f1): a user of its own, without capabilities, filtered"
	else grep -E '^Uid|^Sec|^Cap|^NoNew' /proc/$p/status | quoted; not_ok "$p: a user of its own, without capabilities, filtered"; fi
done
kill $run; wait $run; ends 'nothing is left'

### control groups: what a role can use up
mkdir -p /sys/fs/cgroup
mount -t cgroup2 none /sys/fs/cgroup 2>/dev/null || mount -t cgroup2 none /sys/fs/cgroup
start --block img
g=/sys/fs/cgroup/lguest.$run
p=$(grandchild $run block0)
[ "$(cat $g/block0/memory.max)" = 1073741824 ] && [ "$(cat $g/${bare}0/memory.max 2>/dev/null || cat $g/console0/memory.max)" = 134217728 ] &&
	[ "$(cat $g/core/pids.max)" = 16 ] && grep -q "^0::/lguest.$run/block0$" /proc/$p/cgroup && ! grep -q 'no control group' $err
check $? 'each process has a group of its own, with bounds'
kill $run; wait $run; ends 'nothing is left in it'
[ ! -e $g ]; check $? 'nor is the group'
start --block img --cpus 16
g=/sys/fs/cgroup/lguest.$run
p=$(grandchild $run lguest-core)
grep -q '^Threads:.17$' /proc/$p/status && [ "$(cat $g/core/pids.max)" = 31 ] && kill -0 $run || { quoted $err; false; }
check $? 'nor does its bound keep out a core with as many threads as it may have'
kill $run; wait $run; ends 'nothing is left of it'
start --block img --limit block0:memory.max=64M --limit core:pids.max=20
g=/sys/fs/cgroup/lguest.$run
[ "$(cat $g/block0/memory.max)" = 67108864 ] && [ "$(cat $g/block0/pids.max)" = 512 ] && [ "$(cat $g/core/pids.max)" = 20 ]
check $? 'bounds that the user wants'
kill $run; wait $run; ends 'nothing is left of it either'
for how in '' --check; do
	expect 105 "cannot set memory.max of core's control group to much" "a bound that the kernel refuses: nothing starts $how" $K --limit core:memory.max=much $how
	expect 105 'cannot use the control group /tmp' "a folder that is no control group $how" $K --cgroup /tmp $how
done
[ -z "$(find /sys/fs/cgroup -name 'lguest.*')" ]; check $? 'and no group is left'
cp lguest-$bare lguest-$bare.real; cp hijacked lguest-$bare
start --block img --$bare
: >$err
echo hoard >later
free=$(awk '/MemAvailable/ { print $2 }' /proc/meminfo)
kill -9 $(grandchild $run ${bare}0)
i=0 least=$free
until grep -q "${bare}0 was killed by signal 9.*in 200 ms" $err || [ $i = 300 ]; do
	usleep 100000; i=$((i + 1))
	now=$(awk '/MemAvailable/ { print $2 }' /proc/meminfo)
	[ $now -ge $least ] || least=$now
done
[ $i -lt 300 ] && [ $((free - least)) -lt 300000 ] && kill -0 $run
check $? "a role that hoards kernel memory is ended by its bound # $((free - least)) KiB"
rm later
kill $run; wait $run; ends 'nothing is left of it'
mv lguest-$bare.real lguest-$bare
echo '+memory +pids' >/sys/fs/cgroup/cgroup.subtree_control
mkdir /sys/fs/cgroup/mine
sh -c 'echo $$ >/sys/fs/cgroup/mine/cgroup.procs; exec lguest-run --kernel probe --console none --'"$bare"' --cgroup /sys/fs/cgroup/mine --cmdline 7' >$out 2>$err
[ $? = 7 ] && ! grep -q 'control group' $err && rmdir /sys/fs/cgroup/mine || { find /sys/fs/cgroup/mine -type d | quoted; false; }
check $? 'a group in which lguest-run itself is, and nothing left of it'
# A group is its lguest-run's for as long as that lives, whatever number it has: each namespace of processes has its own
start --block img
g=/sys/fs/cgroup/lguest.$run
mkdir $g/empty
lives() { timeout -s KILL 20 "$@" lguest-run --kernel probe --console none --cgroup /sys/fs/cgroup --cmdline 7 >$out 2>>$err; [ $? = 7 ] || { quoted $err; false; }; }
lives unshare -pf --mount-proc && [ -d $g/empty ]; check $? 'a guest in another namespace of processes takes none of its groups away'
unshare -pf --mount-proc lguest-run --kernel probe --console none --cgroup /sys/fs/cgroup --cmdline s >>$out 2>>$err </dev/null & other=$!
within 5 [ -d /sys/fs/cgroup/lguest.1/core ]; check $? 'another one there has a group of its own'
lives unshare -pf --mount-proc; check $? 'and so has one more with the same number'
kill -9 $run $(ps -o pid,ppid | awk -v p=$other '$2 == p { print $1 }'); wait $run $other; within 10 nothing_runs; [ -d $g/empty ] && [ -d /sys/fs/cgroup/lguest.1 ]; check $? 'of guests that are killed the groups stay'
sh -c 'mkdir -p /sys/fs/cgroup/lguest.$$/block0; exec lguest-run --kernel probe --console none --cgroup /sys/fs/cgroup --cmdline 7' >$out 2>$err
[ $? = 7 ] && ! grep -q group $err; check $? 'until the next one starts, also with the number of one of them'
[ -z "$(find /sys/fs/cgroup -name 'lguest.*')" ]; check $? 'and none is left'
mkdir /sys/fs/cgroup/mine
echo 1 >/sys/fs/cgroup/mine/cgroup.max.descendants
expect 7 'core is not bounded by a control group: Resource temporarily unavailable' 'a process without a group is told of' $K --cgroup /sys/fs/cgroup/mine --cmdline 7
rmdir /sys/fs/cgroup/mine; check $? 'and nothing is left'
umount /sys/fs/cgroup
expect 105 'so that --limit core:pids.max cannot hold' 'a bound without a control group: nothing starts' $K --limit core:pids.max=20
expect 112 'no control group is delegated to this guest' 'no control group: said loudly' $K --cmdline x

### many
i=0 bad=0
while [ $i -lt ${STARTS:-20} ]; do
	timeout -s KILL 20 lguest-run $K --cmdline 7 >$out 2>$err </dev/null; [ $? = 7 ] || bad=$((bad + 1))
	i=$((i + 1))
done
[ $bad = 0 ]; check $? "${STARTS:-20} starts in a row" "$bad failed"
jobs= bad=0; : >$err; : >$out
for i in 1 2 3 4 5; do timeout -s KILL 60 lguest-run --kernel probe --memory 32M --cmdline 7 >>$out 2>>$err </dev/null & jobs="$jobs $!"; done
for j in $jobs; do wait $j; s=$?; [ $s = 7 ] || { echo "# status $s"; bad=$((bad + 1)); }; done
[ $bad = 0 ]; check $? '5 guests at once' "$bad failed"
ends 'nothing is left of them'
rmmod lg; check $? 'the module unloads'
exit $failed
