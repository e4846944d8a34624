#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the test host: what happens when things go wrong around a Linux guest. TAP on standard output.
#
#	faults.sh leaving [WHAT...]	the user leaves (closed terminal, SIGHUP, three ctrl-C, SIGTERM) a guest that spins, one that
#					exhausts its memory, one that forks without end: over within a second, nothing left, the terminal as before
#	faults.sh terminal		a terminal that is not read any more; nohup
#	faults.sh resources		a full disk, an image cut short, a tap removed: all under a running guest
#	faults.sh slabs N			a host that poisons what its kernel frees (slub_debug=FZP): nothing writes there when guests end
. "$(dirname "$0")/lib.sh"
K="--kernel vmlinux --initrd faults.cpio --memory 80"

# --- the user leaves ---

# leaves WAY STATUS SETTINGS: of the guest that does $what
leaves() {
	leave $1 ready lguest-run $K --cmdline "quiet do=$what" --block img --net tap0 >/tmp/leave 2>$out
	read -r status ms settings mode </tmp/leave
	name="$what: $1 ends it with status $2 within a second, and the terminal is $3"
	if [ "$status $settings $mode" = "$2 $3 raw" ] && [ "$ms" -le 1000 ]; then ok "$name # $ms ms"
	else quoted /tmp/leave; not_ok "$name"; fi
	! left >/tmp/left
	s=$?; quoted /tmp/left
	check $s "$what: $1 leaves nothing running"
}

with_terminal() {
	load 1
	truncate -s 4M img
	leave wait spin true >/dev/null 2>&1	# the first pty
	before
}

leaving() {
	with_terminal
	for what in ${*:-spin memory fork}; do
		leaves close 129 gone
		leaves hup 129 restored
		leaves ctrl-c 113 restored
		leaves term 143 restored
	done
	after "guests that the user left"
}

terminal() {
	with_terminal
	what=flood
	leaves stalled 143 restored
	what=spin
	leaves nohup 143 gone
	after "guests with a terminal lost"
}

# --- what the guest uses goes away ---

# begin OPTION...: a guest that runs the lines of its console, a FIFO here
begin() {
	rm -f fifo; mkfifo fifo
	: >$out; : >$err
	lguest-run $K --cmdline "quiet do=shell ${address-}" "$@" <>fifo >$out 2>$err &
	run=$! n=0
	within 60 printed '^ready' || not_ok "the guest comes up"
}
answered() { tr -d '\r' <$out | grep -q "^done $n "; }
# in_guest LINE: its status there, 200 when the guest does not answer
in_guest() {
	echo "$1" >fifo
	n=$((n + 1))
	within 60 answered || return 200
	return $(tr -d '\r' <$out | sed -n "s/^done $n //p" | head -n 1)
}
# end NAME: the guest ends of itself
end() {
	echo 'exit 7' >fifo
	wait $run
	[ $? = 7 ]
	check $? "$1: the guest ends with its own status"
}
refused() { [ $1 != 0 ] && [ $1 != 200 ]; }
# ticks PID: processor time so far, in 1/100 s
ticks() { awk '{ print $14 + $15 }' /proc/$1/stat; }

full_disk() {
	mkdir -p /full && mount -t tmpfs -o size=2M full /full
	truncate -s 16M /full/img
	begin --block /full/img
	role=$(grandchild $run block0)
	in_guest 'dd if=/dev/zero of=/dev/vda bs=64k count=128 conv=fsync'
	refused $?
	check $? "a full disk: what the host has no room for is an error in the guest"
	in_guest 'dd if=/dev/vda of=/dev/null bs=64k count=8 iflag=direct'
	check $? "a full disk: the guest goes on, and can read"
	mount -o remount,size=32M /full
	in_guest 'dd if=/dev/zero of=/dev/vda bs=64k count=128 conv=fsync'
	check $? "a full disk: with room again, writing works again"
	[ "$(grandchild $run block0)" = "$role" ]
	check $? "a full disk: the process of the disk never died"
	end "a full disk"
	umount /full
	check $? "a full disk: its file system is free"
}

cut_image() {
	dd if=/dev/zero of=cut bs=1M count=8 2>/dev/null
	begin --block cut
	role=$(grandchild $run block0)
	truncate -s 1M cut
	in_guest 'dd if=/dev/vda of=/dev/null bs=64k count=8 iflag=direct'
	check $? "an image cut short: what is left can be read"
	in_guest 'dd if=/dev/vda of=/dev/null bs=64k skip=64 count=1 iflag=direct'
	refused $?
	check $? "an image cut short: reading behind its end is an error in the guest"
	in_guest 'dd if=/dev/zero of=/dev/vda bs=64k seek=64 count=1 oflag=direct'
	check $? "an image cut short: a write makes it longer again"
	in_guest 'dd if=/dev/vda of=/dev/null bs=64k skip=64 count=1 iflag=direct'
	check $? "an image cut short: and that can be read"
	[ "$(grandchild $run block0)" = "$role" ]
	check $? "an image cut short: the process of the disk never died"
	end "an image cut short"
}

vanished_tap() {
	address=init.address=10.77.0.2/24	# as `make run` gives it
	begin --net tap0
	in_guest 'ping -c 2 -W 5 10.77.0.1'
	check $? "a vanished tap: the network works before, with the address of the command line"
	tools/ip link del tap0
	role=$(grandchild $run net0) began=$(ticks $role)
	in_guest 'ping -c 2 -W 1 10.77.0.1'
	refused $?
	check $? "a vanished tap: nothing answers any more, and the guest lives"
	in_guest 'sleep 2; [ $(cat /sys/class/net/eth0/carrier) = 0 ]'
	check $? "a vanished tap: the guest sees its link go down"
	used=$(($(ticks $role) - began))
	[ $used -lt 20 ]
	check $? "a vanished tap: its process waits ($used of 100 ticks a second in 3 s)"
	[ "$(grandchild $run net0)" = "$role" ]
	check $? "a vanished tap: its process never died"
	tools/ip tuntap add tap0 mode tap user 0 && ip link set tap0 up
	end "a vanished tap"
	lguest-run --kernel probe --console none --net tap0 --cmdline 7 >$out 2>$err
	[ $? = 7 ]
	check $? "a vanished tap: made again, it serves the next guest"
}

resources() {
	load 1
	before
	full_disk
	cut_image
	vanished_tap
	after "guests with a resource lost"
}

# --- the host's kernel ---

# A guest of many processes has many tables: the module frees them all at once when it ends.
slabs() {
	load 1
	truncate -s 4M img
	grep -q slub_debug=FZP /proc/cmdline && [ -w /sys/kernel/slab/kmalloc-96/validate ]
	check $? "the host checks its freed memory"
	for cache in /sys/kernel/slab/*/min_partial; do echo 1000 >$cache; done	# and keeps all of it to be checked
	for i in $(seq $1); do
		leave term ready lguest-run $K --cmdline "quiet do=many" --block img >/tmp/leave 2>$out
		read -r status rest </tmp/leave
		[ "$status" = 143 ] || not_ok "guest $i ends"
	done
	within 5 nothing_runs
	for cache in /sys/kernel/slab/*/validate; do echo 1 >$cache; done
	dmesg | grep -E 'BUG|Poison|Redzone|Object already' >$out
	[ ! -s $out ]
	check $? "$1 guests: nothing of the host's kernel was written to after it was freed"
	tunctl -d tap0 >/dev/null
	rmmod lg
	check $? "the module unloads after them"
}

"$@"
exit $failed
