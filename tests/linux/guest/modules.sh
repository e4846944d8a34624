#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs inside the guest: the module that tests/linux/module/ was built into, against the headers alone, loads, works, is refused where
# it does not fit, and goes again; with events before and behind the first mount of tracefs, which makes their files. Prints "ok NAME" or
# "not ok NAME: why"; its status is 1 when something failed.
#
# /lguest has lgprobe.ko, and beside it one built for a kernel of another name (other.ko) and one that names a symbol nobody has (lacks.ko).
. /tap.sh
result() { check "$@"; }	# STATUS NAME [DETAIL]
module=/lguest/lgprobe.ko
events=/sys/kernel/tracing/events/lgprobe

works() { # works WHEN: load it, have it check itself, see where it lies
	insmod $module given=5 2>/tmp/e; result $? "it loads $1" "$(cat /tmp/e; dmesg | tail -n 2)"
	cat /proc/lgprobe >/tmp/probe
	while read -r word rest; do
		case $word in
		ok) result 0 "$rest, $1" ;;
		FAIL) result 1 "$rest, $1" ;;
		at) at=$rest ;;
		given) [ "$rest" = 5 ]; result $? "its parameter, $1" "$rest" ;;
		esac
	done </tmp/probe
	[ "$(grep -c '^ok' /tmp/probe)" = 10 ]; result $? "it made all of its checks, $1" "$(cat /tmp/probe)"
	case $at in ffffffffa[0-7]??????) s=0 ;; *) s=1 ;; esac
	result $s "its text lies in the 128 MiB from 0xffffffffa0000000" "$at"
	echo "# at $at"
}
gone() {
	rmmod lgprobe 2>/tmp/e; result $? "it unloads $1" "$(cat /tmp/e)"
	! [ -e /proc/lgprobe ] && ! grep -q lgprobe /proc/modules; result $? "and nothing of it is left $1"
}

works "before tracefs is mounted"
mount -t tracefs none /sys/kernel/tracing
grep -q '{ 7, "seven" }' $events/lgprobe_hit/format; result $? "its event's format has the value of an enum" "$(cat $events/lgprobe_hit/format)"
echo 1 >$events/enable
cat /proc/lgprobe >/dev/null
grep -q 'lgprobe_hit: count=7 kind=seven' /sys/kernel/tracing/trace; result $? "its event is recorded" "$(tail -n 2 /sys/kernel/tracing/trace)"
gone "with its event on"
works "after tracefs is mounted"
grep -q '{ 7, "seven" }' $events/lgprobe_hit/format; result $? "its event is there again" "$(ls /sys/kernel/tracing/events)"
dmesg -c >/tmp/dmesg
echo 1 >/sys/module/lgprobe/parameters/warn
dmesg -c >/tmp/warned
grep -q 'lgprobe was asked to warn' /tmp/warned && grep -q 'WARNING: .* warn+.*\[lgprobe\]' /tmp/warned && [ -e /proc/lgprobe ]
result $? "a warning of the module's is found in its bug table" "$(head -n 5 /tmp/warned)"
gone "after that"

i=0
while [ $i -lt 50 ] && insmod $module && [ "$(grep -c '^ok' /proc/lgprobe)" = 10 ] && rmmod lgprobe; do i=$((i + 1)); done
[ $i = 50 ]; result $? "loaded, checked, unloaded 50 times" "$i"
for refused in other lacks; do
	! insmod /lguest/$refused.ko 2>/tmp/e && [ -s /tmp/e ]; result $? "refused: $refused.ko" "$(cat /tmp/e; dmesg | tail -n 1)"
done
dmesg >>/tmp/dmesg
! grep -iE 'bug:|oops|unable to handle|WARNING:' /tmp/dmesg >/tmp/e; result $? "nothing else in the kernel's log" "$(cat /tmp/e)"
exit $failed
