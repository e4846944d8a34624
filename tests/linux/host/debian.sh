#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs inside the test host, beside the programs, the guest's kernel and Debian's image ("img"): Debian starts N times with CPUS CPUs. Each
# time root logs in, all CPUs are there and have computed, systemd and the kernel complain of nothing, and it powers off. TAP on standard output.
#
#	debian.sh N CPUS
. "$(dirname "$0")/lib.sh"
tap_prefix="smp: "
. ./console.sh

COMPLAINTS='warning|bug:|oops|detected stall|rcu.* stall|lockup|unable to handle|No irq handler'

# What is wrong with the guest that has started, in a word; nothing if nothing
wrong() {
	guest 120 'systemctl is-system-running --wait' && [ "$said" = running ] || { echo "systemd says $said"; return; }
	guest 60 "nproc; for i in \$(seq $1); do taskset -c \$((i - 1)) sha256sum /bin/bash & done | cut -d' ' -f1 | sort | uniq -c | awk '{ print \$1 }'" || { echo "no sums"; return; }
	[ "$(echo $said)" = "$1 $1" ] || { echo "CPUs, and how many of them had each sum: $(echo $said)"; return; }
	guest 60 "dmesg | grep -iE '$COMPLAINTS'"
	[ $? = 1 ] && [ -z "$said" ] || echo "the guest's log: $said"
}

insmod ./lg.ko || exit 1
n=0
while [ $n -lt "$1" ]; do
	n=$((n + 1))
	boot lguest-run --kernel vmlinux --cpus "$2" --memory 512 --block ro:img && what=$(wrong "$2") || what="no login"
	[ -z "$what" ] && { stop || what="status $? behind poweroff"; }
	[ -n "$what" ] || { echo "# Debian, boot $n of $1 with $2 CPUs"; continue; }
	shown
	kill_core $run 20
	break
done
[ -z "$what" ]
check $? "Debian boots $1 times with $2 CPUs${what:+: boot $n: $what}"
rmmod lg
check $? "the module unloads after Debian"
exit $failed
