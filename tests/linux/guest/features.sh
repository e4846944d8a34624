#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs inside the guest: is what a container engine, a distribution and its administrator expect of a kernel there, and does it
# work where a kernel in ring 3 could get it wrong (text that is patched while it runs, code made at run time)? Prints "ok NAME" or
# "not ok NAME: why"; its status is 1 when something failed.
. /tap.sh
result() { check "$@"; }	# STATUS NAME [DETAIL]
has() { case " $1 " in *" $2 "*) return 0 ;; *) return 1 ;; esac; }
mkdir -p /tmp/a /tmp/b /tmp/c /tmp/d

# Namespaces and control groups
got=$(unshare -U -r -p -f -m -n -u -i --mount-proc sh -c 'hostname inside; echo $$ $(id -u) $(hostname) $(ip -o link | wc -l)' 2>&1)
[ "$got" = "1 0 inside 1" ]; result $? "a container's namespaces" "$got"
[ "$(hostname)" != inside ]; result $? "and outside of them nothing changed"
for ns in cgroup ipc mnt net pid time user uts; do [ -e /proc/self/ns/$ns ] || echo "no $ns"; done >/tmp/ns
[ ! -s /tmp/ns ]; result $? "all kinds of namespaces" "$(tr '\n' ' ' </tmp/ns)"
mkdir -p /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup
controllers=$(cat /sys/fs/cgroup/cgroup.controllers)
missing=
for c in cpu io memory hugetlb pids misc; do has "$controllers" $c || missing="$missing $c"; done
[ -z "$missing" ]; result $? "cgroup v2 controllers" "without$missing"
echo "+memory +pids +cpu +io" >/sys/fs/cgroup/cgroup.subtree_control && mkdir -p /sys/fs/cgroup/few && echo 3 >/sys/fs/cgroup/few/pids.max
sh -c 'echo 0 >/sys/fs/cgroup/few/cgroup.procs; for i in 1 2 3 4 5 6; do sleep 2 & done; wait' 2>/tmp/few
grep -q "can't fork" /tmp/few; result $? "a limit on processes holds" "$(cat /tmp/few)"
[ -e /sys/fs/cgroup/few/memory.pressure ] && grep -q some /proc/pressure/cpu; result $? "pressure stall information"

# The network: what container engines put together
ip link add br0 type bridge && ip link add v0 type veth && brctl addif br0 veth0 2>/tmp/e
result $? "a bridge and a pair of veth" "$(cat /tmp/e)"
for t in dummy wireguard; do ip link add x-$t type $t 2>/tmp/e; result $? "a device of type $t" "$(cat /tmp/e)"; done
vconfig add v0 7 >/tmp/e 2>&1; result $? "a VLAN" "$(cat /tmp/e)"
ip link add link v0 name x-macvlan type macvlan 2>/tmp/e; result $? "a macvlan" "$(cat /tmp/e)"
tunctl -t x-tap >/tmp/e 2>&1; result $? "a tap" "$(cat /tmp/e)"
ip -6 addr add fd00::1/64 dev x-dummy && ip link set x-dummy up && ping6 -c 1 -W 5 ::1 >/tmp/e 2>&1; result $? "IPv6" "$(tail -1 /tmp/e)"
missing=
for f in nf_tables_newtable ipt_do_table nf_conntrack_in nf_nat_setup_info br_nf_pre_routing; do grep -q " $f\$" /proc/kallsyms || missing="$missing $f"; done
[ -z "$missing" ]; result $? "nftables, iptables, NAT and connection tracking" "without$missing"

# File systems
have=$(tr -d '\t' </proc/filesystems | sed 's/^nodev//' | tr '\n' ' ')
missing=
for f in ext4 xfs btrfs vfat exfat iso9660 udf erofs squashfs overlay fuse virtiofs autofs 9p nfs4; do has "$have" $f || missing="$missing $f"; done
[ -z "$missing" ]; result $? "file systems" "without$missing"
mount -t tmpfs none /tmp/a && mkdir /tmp/a/lower /tmp/a/upper /tmp/a/work && echo below >/tmp/a/lower/x &&
	mount -t overlay none -o lowerdir=/tmp/a/lower,upperdir=/tmp/a/upper,workdir=/tmp/a/work /tmp/b && echo above >>/tmp/b/x &&
	[ "$(cat /tmp/a/lower/x /tmp/a/upper/x | tr '\n' ' ')" = "below below above " ]; result $? "an overlay"
dd if=/dev/zero of=/tmp/a/disk bs=1M count=8 2>/tmp/e && mkdosfs /tmp/a/disk >/tmp/e 2>&1 && mount -t vfat -o loop /tmp/a/disk /tmp/c &&
	echo fat >/tmp/c/file && umount /tmp/c && mount -t vfat -o loop,ro /tmp/a/disk /tmp/c && [ "$(cat /tmp/c/file)" = fat ]; result $? "vfat on a loop device"
for f in ext4 squashfs; do
	[ -e /lguest/disk.$f ] || { result 1 "an image with $f" "the test has none"; continue; }
	opts=loop; [ $f != ext4 ] || opts=loop,acl
	mount -t $f -o $opts /lguest/disk.$f /tmp/d 2>/tmp/e && { [ -e /tmp/d/known ] || echo new >/tmp/d/new; } && umount /tmp/d
	result $? "$f on a loop device" "$(cat /tmp/e; dmesg | tail -1)"
done

# Memory
echo 16M >/sys/block/zram0/disksize && mkswap /dev/zram0 >/tmp/e 2>&1 && swapon /dev/zram0 2>>/tmp/e; result $? "swap on zram" "$(cat /tmp/e)"
grep -q 'madvise' /sys/kernel/mm/transparent_hugepage/enabled; result $? "huge pages where programs ask for them"

# Text that is patched and code that is made while the kernel runs
mount -t debugfs none /sys/kernel/debug 2>/dev/null
mount -t tracefs none /sys/kernel/tracing 2>/dev/null; t=/sys/kernel/tracing
echo 'p:opened do_sys_openat2' >$t/kprobe_events && echo 'r:closed do_sys_openat2 $retval' >>$t/kprobe_events && echo 1 >$t/events/kprobes/enable
for i in 1 2 3; do cat /proc/version >/dev/null; done
sleep 1
echo 0 >$t/events/kprobes/enable
[ "$(grep -c ' opened: ' $t/trace)" -ge 3 ] && [ "$(grep -c ' closed: ' $t/trace)" -ge 3 ]; result $? "kprobes and kretprobes" "$(grep -c ': ' $t/trace) lines"
echo >$t/kprobe_events; echo >$t/trace
if [ -e $t/available_filter_functions ]; then
	echo do_sys_openat2 >$t/set_ftrace_filter && echo function >$t/current_tracer && cat /proc/version >/dev/null
	grep -q do_sys_openat2 $t/trace; result $? "the function tracer, on one function"
	: >$t/set_ftrace_filter; sleep 1
	[ "$(wc -l <$t/trace)" -gt 1000 ]; result $? "the function tracer, on all"
	echo nop >$t/current_tracer
fi
for i in 1 2 3 4 5; do echo 1 >$t/events/syscalls/enable; cat /proc/version >/dev/null; echo 0 >$t/events/syscalls/enable; done
grep -q sys_read $t/trace; result $? "trace events of system calls"
[ "$(cat /proc/sys/net/core/bpf_jit_enable)" = 1 ]; result $? "BPF's compiler is on"
ping -c 1 127.0.0.1 >/dev/null 2>&1; result $? "the loopback answers"
[ -e /proc/self/attr/apparmor ] && grep -q apparmor /sys/kernel/security/lsm 2>/dev/null || { mount -t securityfs none /sys/kernel/security && grep -q landlock /sys/kernel/security/lsm; }
result $? "AppArmor and Landlock"

# What it says of itself
v=/sys/devices/system/cpu/vulnerabilities
grep -q Retpolines $v/spectre_v2; result $? "spectre_v2 says retpolines" "$(cat $v/spectre_v2)"
grep -q 'PTI (by the lguest host)' $v/meltdown; result $? "meltdown says who has the two page tables" "$(cat $v/meltdown)"
! grep -l '^Not affected' $v/* >/tmp/e; result $? "nothing is called not affected that only the host knows" "$(tr '\n' ' ' </tmp/e)"
exit $failed
