#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs inside a guest: the kernel's own torture of its locks and of RCU, as modules built beside it (tests/linux/torture.sh), each for some
# seconds, with CPUs that go off and on. Each says itself how it ended. TAP on standard output.
#
#	torture.sh SECONDS
. /tap.sh
insmod /torture.ko || { not_ok "torture.ko loads"; exit 1; }
# tortured NAME MODULE OPTIONS: loaded, left alone for so long, unloaded; its last word
tortured() {
	name=$1 module=$2; shift 2
	dmesg -c >/dev/null
	insmod /$module.ko stat_interval=2 onoff_interval=${onoff:-2} "$@" || { not_ok "$name: does not load"; return; }
	sleep "$seconds"
	rmmod $module
	dmesg >/tmp/log
	tail -n 4 /tmp/log | quoted
	grep -q 'End of test: SUCCESS' /tmp/log; check $? "$name for $seconds s" "$(grep -E 'End of test|WARN|BUG|!!!' /tmp/log | head -n 3 | tr '\n' ';')"
	! grep -E 'WARNING|BUG:|detected stall|lockup' /tmp/log; check $? "$name: the kernel's log"
}
seconds=$1
for lock in spin_lock spin_lock_irq rw_lock mutex_lock rwsem_lock; do tortured "locktorture $lock" locktorture torture_type=$lock; done
for rcu in rcu srcu srcud tasks-tracing; do tortured "rcutorture $rcu" rcutorture torture_type=$rcu; done
# The module has an RCU of its own that waits for nobody: were that not found, the words above would be worth nothing
dmesg -c >/dev/null
insmod /rcutorture.ko torture_type=busted && sleep "$seconds" && rmmod rcutorture
dmesg | grep -q 'End of test: FAILURE'; check $? "rcutorture busted for $seconds s: that it does not wait is found"
exit $failed
