#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the test host: mistakes, as a new user makes them. Each ends with its documented status and one sentence that names the
# object, says why, and what to do; --check finds it without starting anything; --explain names who would hold what.
# TAP on standard output.
. "$(dirname "$0")/lib.sh"
K="--kernel probe --console none"

# verdict STATUS WANTED TEXT NAME: the status, and one line on standard error, which has TEXT
verdict() {
	if [ "$1" = "$2" ] && grep -q "$own.*$3" $err && [ "$(wc -l <$err)" = 1 ]; then ok "$4"
	else echo "# status $1, wanted $2 and one line with '$3'"; not_ok "$4"; fi
}
wrong() { want=$1 text=$2 name=$3; shift 3; lguest-run "$@" >$out 2>$err </dev/null; verdict $? $want "$text" "$name"; }

# Every option of --help is tried with a wrong value: these are the ones that value() has been called for.
tried=" help "
value() {
	option=$1 want=$2 text=$3; shift 3
	tried="$tried$option "
	wrong $want "$text" "$(echo "--$option $*" | cut -c1-60): $text" $K "$@"
}

values() {
	long=$(printf '%3000s' x | tr ' ' x)
	value kernel 101 'cannot open the kernel /nowhere: No such file or directory (check the name)' --kernel /nowhere
	value kernel 101 'the kernel /proc is not a file: name a regular one' --kernel=/proc
	value kernel 101 'the kernel fifo is not a file: name a regular one' --kernel fifo
	value initrd 101 'cannot open the initrd /nowhere: No such file or directory (check the name)' --initrd /nowhere
	value cmdline 100 'has 3000 characters: a kernel takes' --cmdline $long
	value memory 100 'abc is not a size like 256M or 2G' --memory abc
	value memory 100 '1M: a guest can have from 16M to 1T' --memory 1M
	value memory 100 'a guest can have from 16M to 1T' --memory 2T
	value cpus 100 '17: a guest can have from 1 to' --cpus 17
	value name 100 'a/b: 1 to 63 characters without' --name a/b
	value pidfile 101 'cannot write the pidfile /nowhere/x: No such file or directory (check the name)' --pidfile /nowhere/x
	value log 101 'cannot write the log /nowhere/x: No such file or directory (check the name)' --log /nowhere/x
	value config 101 'cannot open the configuration /nowhere: No such file or directory (check the name)' --config /nowhere
	value config 101 'cannot read the configuration /proc: Is a directory (name a file)' --config /proc
	value check 100 '--check takes no value' --check=1
	value user 100 'nosuch: there is no such user' --user nosuch
	value user 100 '65534: a guest needs a user that is neither root nor nobody' --user 65534
	value require 100 'some is not one of all, namespaces, none' --require some
	value cgroup 105 'cannot use the control group /tmp: Not a directory' --cgroup /tmp
	value limit 100 'core is not PROCESS:FILE=VALUE' --limit core
	value limit 100 'the file is not one of cpu.weight' --limit core:cgroup.procs=0
	value limit 100 'this guest has no process disk0' --limit disk0:memory.max=64M
	value control 101 'cannot make the folder: No such file or directory' --control /nowhere/x
	value control 101 'the name is too long for a socket' --control /tmp/$(echo "$long" | cut -c1-200)
	value stop-timeout 100 '0 is not a number of seconds from 1 to 86400' --stop-timeout 0
	value verbose 100 '--verbose takes no value' --verbose=1
	value pidfile 101 'the pidfile fifo is not a file' --pidfile fifo
	value config 101 'the configuration fifo is not a file' --config fifo
	value log 101 'the log fifo: .*nobody reads' --log fifo
	value record 100 'this guest has no device block7' --record block7=/nowhere
	value record-max 100 'record-max 1K is not a size from 1M to 1T' --record-max 1K
	value explain 100 '--explain takes no value' --explain=1
	for_devices mistakes
	value vhost-user 100 'needs both socket=PATH and type=' --vhost-user type=block
	value vhost-user 100 'type=disk is not one of block, net, console, .*fs' --vhost-user socket=/x,type=disk
	value vhost-user 124 'no back end answers at /nowhere: No such file or directory (start it first)' --vhost-user socket=/nowhere,type=block
	value vhost-user 105 'is too long: use one of less than 108 characters' --vhost-user socket=$long,type=block
	for option in $(lguest-run --help | grep -oE '^  --[a-z-]+' | cut -c5-); do
		case $tried in *" $option "*) ;; *) not_ok "--$option: this test has no wrong value for it" ;; esac
	done
	[ $(lguest-run --help | grep -cE '^  --[a-z-]+') -gt 10 ]
	check $? "no option of --help was left out"
	wrong 100 '--kernel needs a value: --kernel FILE' 'an option without its value' --kernel
	wrong 100 'there is no option --kernal: did you mean --kernel?' 'a mistyped option' --kernal probe
	wrong 100 "unexpected 'probe': options begin with --" 'a word that is no option' probe
	wrong 100 '--help=me: only --help=words' 'help with a value' --help=me
	printf 'memory 64M\nblok img\n' >config
	lguest-run $K --config config 2>$err
	[ $? = 100 ] && said 'no option --blok: did you mean --block' && said 'that was line 2 of config'
	check $? "a mistake in a configuration file is named with its line"
}

# --- what is there, but not for us ---

unowned() {
	tools/ip tuntap add tap8 mode tap
	for check in '' --check; do
		wrong 105 'the tap tap8 has no owner, so that any user of this host may attach to it: make it yours .*or say --net tap8,unowned' \
			"a tap that is anybody's $check" $K --net tap8 $check
	done
	lguest-run $K --net tap8,unowned --cgroup none --check >$out 2>$err && [ ! -s $err ]
	check $? "a tap that is anybody's, if one says so"
	tools/ip tuntap del tap8 mode tap
	tools/ip tuntap add tap8 mode tap group 0 && lguest-run $K --net tap8 --cgroup none --check >$out 2>$err && [ ! -s $err ]
	check $? "a tap of a group has an owner"
	tools/ip tuntap del tap8 mode tap
}

# Disks that something else uses, which only the kernel knows of: QEMU locks its images like lguest-block by itself.
disks() {
	lguest-block --socket-path=other.sock --blk-file=img2 >$out 2>&1 & other=$!
	within 5 listens other.sock
	for check in '' --check; do
		wrong 105 'the image img2 is in use by another guest or program: end it, or use a copy' "an image that another program has locked $check" $K --block img2 $check
	done
	kill $other; wait $other
	modprobe loop
	for check in '' --check; do
		wrong 101 'the image /dev/loop0 is empty: bind it to something first' "a loop device that is bound to nothing $check" $K --block /dev/loop0 $check
	done
	losetup /dev/loop0 img2 && mkswap /dev/loop0 >/dev/null && swapon /dev/loop0
	check $? "there is a disk that the host uses"
	wrong 105 'cannot open the image /dev/loop0 for writing: .* (this host has mounted it' 'a disk that the host uses' $K --block /dev/loop0
	lguest-run $K --block ro:/dev/loop0 --cgroup none --check >$out 2>$err && [ ! -s $err ]
	check $? "a disk that the host uses, for reading only"
	swapoff /dev/loop0
	lguest-run $K --block /dev/loop0 --cgroup none --check >$out 2>$err && [ ! -s $err ]
	check $? "and when the host does not use it any more"
	losetup -d /dev/loop0
}

busy() {
	touch log pidfile
	lguest-run --kernel probe --cmdline s --block img --net tap0 --pidfile pidfile --name busy >busy.log 2>&1 </dev/null &
	run=$!
	within 60 grep -q 'probe: ' busy.log
	check $? "a guest that has a tap, an image and a pidfile" "$(tail -n 3 busy.log)"
	for check in '' --check; do
		wrong 105 'the tap tap0 is in use by another guest or program: end it, or make another' "a busy tap $check" $K --net tap0 $check
		wrong 105 'the image img is in use by another guest or program: end it, or use a copy' "a locked image $check" $K --block img $check
		wrong 105 'the image img is in use' "a locked image, for reading $check" $K --block ro:img $check
		wrong 101 'the pidfile pidfile belongs to another lguest-run that still runs: name another, or end that one' "a pidfile in use $check" $K --pidfile pidfile $check
	done
	[ "$(cat pidfile)" = $run ]
	check $? "which is still the other one's"
	kill $run; wait $run
	[ $? = 143 ] && [ ! -e pidfile ]
	check $? "it goes with its owner"
	ends "nothing is left of it"
	ln -s target link
	wrong 101 'cannot write the pidfile link: .*(it is a link' 'a pidfile that is a link' $K --pidfile link
	wrong 101 'cannot write the log link: .*(it is a link' 'a log that is a link' $K --log link
}

# as_user STATUS TEXT NAME OPTION...
as_user() {
	want=$1 text=$2 name=$3; shift 3
	su -s /bin/sh alice -c "./lguest-run $*" >$out 2>$err </dev/null
	verdict $? $want "$text" "an ordinary user: $name"
}

user() {
	mkdir -p /etc
	printf 'root:x:0:0::/:/bin/sh\nalice:x:1000:1000::/tmp:/bin/sh\n' >/etc/passwd
	printf 'root:x:0:\nalice:x:1000:\nlguest:x:2000:\n' >/etc/group
	chmod 755 . && chmod 1777 /tmp
	cp probe secret && chmod 600 secret; cp img mine && chown alice mine; cp img readable && chmod 644 readable && cp img hidden && chmod 600 hidden
	as_user 104 '/dev/lguest is not open to you: join its group (usermod -aG lguest NAME) and log in again' 'no right to /dev/lguest' $K
	sed -i 's/^lguest:.*/&alice/' /etc/group
	chgrp lguest /dev/lguest; chmod 660 /dev/lguest
	as_user 101 'cannot open the kernel secret: Permission denied (see who may use it' 'a kernel of mode 600' --kernel secret
	as_user 101 'cannot open the initrd secret: Permission denied (see who may use it' 'an initrd of mode 600' $K --initrd secret
	as_user 101 'cannot open the image readable for writing: Permission denied (a read-only disk is ro:IMAGE)' 'an image for reading only' $K --block readable
	as_user 101 'cannot open the image hidden: Permission denied (see who may use it' 'an image of mode 600' $K --block ro:hidden
	chmod 666 /dev/net/tun	# as udev has it
	tools/ip tuntap add tap2 mode tap user root
	as_user 105 'the tap tap2 is not yours: ip tuntap add tap2 mode tap user NAME makes one that is' 'a tap of root' $K --net tap2
	as_user 101 'cannot write the log /launch/log: Permission denied' 'a log in a folder of root' $K --log /launch/log
	as_user 101 'cannot write the pidfile /launch/pid: Permission denied' 'a pidfile in a folder of root' $K --pidfile /launch/pid
	as_user 101 'cannot open the console /launch/con: Permission denied' 'a console in a folder of root' --kernel probe --console /launch/con
	tools/ip tuntap add tap1 mode tap user alice
	su -s /bin/sh alice -c "./lguest-run $K" >$out 2>$err </dev/null
	[ $? = 103 ] && said 'more than the limit of locked memory (ulimit -l) or the host has: raise it'
	check $? "an ordinary user: without the limits that make install raises"
	ulimit -l unlimited
	su -s /bin/sh alice -c './lguest-run --kernel probe --cmdline s --memory 32M --net tap1 --block mine --block ro:readable'"$other_devices" >$out 2>$err </dev/null &
	within 5 said 'probe: '
	ps -o args | grep -v grep | grep -q guest:core
	check $? "an ordinary user: with the right ones a guest runs"
	pids=$(ps -o pid,args | awk '/guest:|lguest-run/ && !/awk|su -s/ { print $1 }')
	[ $(echo $pids | wc -w) -ge $((11 + 2 * $(echo "$other_devices" | grep -o -- " --" | wc -l))) ]
	check $? "an ordinary user: lguest-run, and two processes each for core, console, net, two disks and all other devices"
	for p in $pids; do grep -H '^Uid:.*[[:space:]]0[[:space:]]' /proc/$p/status; done >/tmp/root
	[ ! -s /tmp/root ]
	check $? "an ordinary user: none of its processes is root's"
	kill $(ps -o pid,args | awk '/lguest-run --kernel/ && !/awk|su -s/ { print $1 }')
	wait
	ends "an ordinary user: nothing is left of it"
	chmod 600 /dev/net/tun
	as_user 105 'cannot open /dev/net/tun: Permission denied (see who may use it' 'no right to /dev/net/tun' $K --net tap1
	chmod 666 /dev/net/tun
}

# --- asking first ---

# Alone in a folder, without the programs that it would start
ask() {
	mkdir -p /tmp/alone && cp lguest-run /tmp/alone/
	/tmp/alone/lguest-run --check --cgroup none --kernel probe --initrd img --block img --block ro:img2 --net tap0 $other_devices --pidfile /tmp/pid >$out 2>$err
	s=$?
	[ $s = 0 ] && printed 'everything that guest needs is there' && [ ! -s $err ] && [ ! -e /tmp/pid ]
	check $? "--check: all is there, status 0, nothing started"
	lguest-run $K --cmdline 7 --block img --net tap0 2>$err >$out
	[ $? = 7 ]
	check $? "--check holds nothing: a guest starts after it"
	wrong 101 'cannot open the kernel /nowhere: .*(check the name)' '--check: what is wrong, with its status' --check --kernel /nowhere
	wrong 100 'did you mean --kernel' '--check: a wrong option' --check --kernal probe
	mv /dev/lguest /dev/away
	wrong 104 'there is no /dev/lguest: load the module first' '--check: no module' --check $K
	lguest-run --explain --kernel probe --initrd init --name g --block img,direct --block ro:img2 --net tap0,mac=52:54:00:00:00:09 $other_devices \
		--vhost-user socket=/tmp/s,type=fs,dma=direct --console /tmp/con >$out 2>$err
	s=$?
	[ $s = 0 ] && [ ! -s $err ] && [ ! -e /tmp/con ]
	check $? "--explain: status 0, with nothing opened or started"
	mv /dev/away /dev/lguest
	block() { awk -v n="$1" '$0 ~ "^" n ":" { on = 1 } !NF { on = 0 } on' $out | tr -s '\n ' '  '; }
	explains() { if block "$1" | grep -qE "$2"; then ok "--explain: $1: $2"; else not_ok "--explain: $1: $2"; fi; }
	explains lguest-run 'holds every descriptor below'
	explains lguest-core 'holds /dev/lguest; until the guest runs probe and init'
	explains lguest-core "sees the guest's 256 MiB of memory and the windows below"
	explains block0 "lguest-block.* holds img, open for reading and writing, past the host's page cache"
	explains block1 'lguest-block.* holds img2, open for reading only'
	explains net0 "lguest-net.* holds the tap tap0; the guest's address is 52:54:00:00:00:09"
	for_devices explained
	explains console0 'lguest-console.* holds /tmp/con'
	explains fs0 "a program of yours.*reached at /tmp/s.*sees ALL of the guest's memory, because of dma=direct"
	explains block0 'sees its window of 8192 KiB, and nothing else of the guest'
}

load 1
: >empty
mkfifo fifo
truncate -s 1M img; cp img img2
values
ask
unowned
disks
busy
user
ends "no mistake leaves a process"
for t in tap0 tap1 tap2; do tunctl -d $t >/dev/null; done
rmmod lg
check $? "the module unloads after mistakes"
exit $failed
