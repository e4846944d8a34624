#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Runs in a Debian guest that scripts/debian-server.sh made, as root: what people rent a server for, and storage and tracing where a
# kernel in ring 3 could get it wrong. Prints "ok NAME" or "FAIL NAME: why", and ends with the number of failures. The host's end
# (tests/linux/host/server.sh) serves files at 10.77.0.1 and fd77::1, port 8000.
#
#	server.sh [PART...]	of: system network containers rootless memory storage tracing modules wireguard
failures=0
result() { # result STATUS NAME [DETAIL]
	if [ "$1" = 0 ]; then echo "ok $2"; else echo "FAIL $2: $(echo "${3-}" | tail -n 3 | tr '\n' '|')"; failures=$((failures + 1)); fi
}
here=http://10.77.0.1:8000 here6='http://[fd77::1]:8000'
known=$(wget -q -O - $here/known)
d=/overlay/test
mkdir -p $d

system() {
	got=$(systemctl --failed --no-legend)
	[ -z "$got" ]; result $? "systemctl --failed is empty" "$got"
	got=$(systemctl is-system-running)
	[ "$got" = running ]; result $? "systemd: running" "$got"
	echo kept >/root/kept && [ "$(findmnt -n -o FSTYPE /)" = overlay ]; result $? "the root is a writable overlay" "$(findmnt -n /)"
}

network() {
	[ -n "$known" ]; result $? "the network is up by itself: HTTP from the host, IPv4" "$(ip addr)"
	got=$(wget -q -O - "$here6/known")
	[ -n "$got" ] && [ "$got" = "$known" ]; result $? "and IPv6" "$got $(ip -6 route)"
}

# An image of busybox as a tar: what `podman import` takes, with no registry
image() {
	mkdir -p $d/image/bin $d/image/etc $d/image/tmp
	cp /bin/busybox $d/image/bin/
	for a in sh wget cat ip id ls sleep; do ln -sf busybox $d/image/bin/$a; done
	tar -C $d/image -cf /overlay/home/bb.tar . && chmod 644 /overlay/home/bb.tar
}

containers() {
	image
	got=$(podman import -q /home/bb.tar bb 2>&1); result $? "podman import" "$got"
	got=$(podman info -f '{{.Store.GraphDriverName}}' 2>&1)
	[ "$got" = overlay ]; result $? "podman stores in overlays" "$got"
	got=$(podman run --rm bb wget -q -O - $here/known 2>&1)
	[ -n "$known" ] && [ "$got" = "$known" ]; result $? "podman run: bridge and NAT reach the host's HTTP server, IPv4" "$got"
	got=$(podman network create --ipv6 --subnet 10.99.0.0/24 --subnet fd99::/64 six 2>&1); result $? "podman network with IPv6" "$got"
	got=$(podman run --rm --network six bb wget -q -O - "$here6/known" 2>&1)
	[ -n "$known" ] && [ "$got" = "$known" ]; result $? "podman run: NAT reaches the host's HTTP server, IPv6" "$got"
	got=$(podman run --rm --memory 32m --pids-limit 20 bb sh -c 'cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max' 2>&1 | tr '\n' ' ')
	[ "$got" = "33554432 20 " ]; result $? "a container's limits" "$got"
	got=$(nft add table inet t 2>&1 && nft add chain inet t c '{ type filter hook output priority 0; }' 2>&1 &&
		nft add rule inet t c tcp dport 8001 counter reject with tcp reset 2>&1; wget -q -T 5 -t 1 -O - http://10.77.0.1:8001/ ; nft list table inet t)
	case $got in *'counter packets '[1-9]*) s=0 ;; *) s=1 ;; esac
	result $s "nft: a rule rejects and counts" "$got"
}

rootless() {
	[ -e /home/bb.tar ] || image
	# A user who is served without being logged in: what a host of other people's containers is
	loginctl enable-linger user && systemctl start user@1000.service; result $? "a user's own systemd" "$(systemctl status user@1000 --no-pager | tail -n 3)"
	as() { su -l user -c "export XDG_RUNTIME_DIR=/run/user/1000; $1" 2>&1; }
	got=$(as 'podman import -q /home/bb.tar bb'); result $? "a user's podman import" "$got"
	got=$(as "podman run --rm bb wget -q -O - $here/known" | tail -n 1)
	[ -n "$known" ] && [ "$got" = "$known" ]; result $? "a user's podman run reaches the host's HTTP server, IPv4" "$(as "podman run --rm bb wget -O - $here/known")"
	got=$(as "podman run --rm --network slirp4netns:enable_ipv6=true bb sh -c 'for i in 1 2 3 4 5 6 7 8; do wget -q -O - $here6/known && break; sleep 1; done'" | tail -n 1)
	[ -n "$known" ] && [ "$got" = "$known" ]; result $? "a user's podman run reaches it by IPv6" "$got"
	got=$(as 'podman run --rm bb id -u 2>&1; podman unshare cat /proc/self/uid_map' | tr -s ' \n' ' ')
	case $got in '0 0 '[1-9]*) s=0 ;; *) s=1 ;; esac
	result $s "root in there is the user out here" "$got"
	got=$(as "podman run --rm --memory 32m bb cat /sys/fs/cgroup/memory.max")
	[ "$got" = 33554432 ]; result $? "a user's container has its limit" "$got"
}

# Writes that many pages, each with its own number, and reads them twice; an eighth of them must be in swap at the end.
pressure() {
	python3 - "$1" <<'EOF'
import mmap, struct, sys
pages = int(sys.argv[1])
m = mmap.mmap(-1, pages * 4096)
for i in range(pages):
    m[i * 4096:i * 4096 + 8] = struct.pack("Q", i * 2654435761)
    m[i * 4096 + 2048:i * 4096 + 2056] = struct.pack("Q", ~i & 0xffffffffffffffff)
for _ in range(2):
    for i in range(pages):
        if struct.unpack("Q", m[i * 4096:i * 4096 + 8])[0] != i * 2654435761 or \
           struct.unpack("Q", m[i * 4096 + 2048:i * 4096 + 2056])[0] != ~i & 0xffffffffffffffff:
            sys.exit("page %d is not what was written" % i)
used = sum(int(line.split()[3]) for line in open("/proc/swaps").readlines()[1:])
print("verified", pages, "pages, swapped out", used, "KiB")
sys.exit(used < pages * 4 / 8)
EOF
}

memory() {
	free=$(awk '/MemAvailable/ { print $2 }' /proc/meminfo)
	pages=$((free * 13 / 40))
	{ dd if=/dev/zero of=$d/swap bs=1M count=512 status=none && chmod 600 $d/swap && mkswap -q $d/swap && swapon $d/swap; } 2>/tmp/e
	result $? "a swap file" "$(cat /tmp/e)"
	got=$(pressure $pages 2>&1); s=$?
	result $s "1.3 times the free memory through the swap file, read twice" "$got $(tail -n 1 /proc/swaps)"
	swapoff $d/swap && rm $d/swap
	{ modprobe zram 2>/dev/null; echo 1G >/sys/block/zram0/disksize && mkswap -q /dev/zram0 && swapon /dev/zram0; } 2>/tmp/e
	result $? "swap on zram" "$(cat /tmp/e)"
	got=$(pressure $pages 2>&1); s=$?
	[ $s = 0 ] && [ "$(awk '{ print $1 }' /sys/block/zram0/mm_stat)" -gt 1000000 ]
	result $? "1.3 times the free memory through zram, read twice" "$got $(cat /sys/block/zram0/mm_stat)"
	swapoff /dev/zram0
	! dmesg | grep -iE 'bug:|bad page|oops'; result $? "and the kernel's log is clean"
}

# filled DIR: 24 MiB in files, and their sums; verified DIR
filled() { for i in 1 2 3 4 5 6; do head -c 4000000 /dev/urandom >"$1/f$i" || return 1; done; (cd "$1" && sha256sum f? >sums) && sync -f "$1"; }
verified() { echo 3 >/proc/sys/vm/drop_caches; (cd "$1" && sha256sum --quiet -c sums); }

storage() {
	mkdir -p $d/m
	for fs in xfs btrfs ext4; do
		rm -f $d/disk; truncate -s 400M $d/disk
		{ mkfs.$fs -q $d/disk && mount -o loop $d/disk $d/m && filled $d/m && umount $d/m && mount -o loop $d/disk $d/m && verified $d/m; } >/tmp/e 2>&1
		result $? "$fs: made, filled, mounted again, verified" "$(cat /tmp/e)"
		umount $d/m
	done
	rm -f $d/disk; truncate -s 64M $d/disk; echo -n secret >/tmp/key
	{ cryptsetup -q luksFormat --pbkdf pbkdf2 --pbkdf-force-iterations 1000 $d/disk /tmp/key && cryptsetup open --key-file /tmp/key $d/disk secret &&
		mkfs.ext4 -q /dev/mapper/secret && mount /dev/mapper/secret $d/m && filled $d/m && umount $d/m && cryptsetup close secret &&
		cryptsetup open --key-file /tmp/key $d/disk secret && mount /dev/mapper/secret $d/m && verified $d/m; } >/tmp/e 2>&1
	result $? "dm-crypt (LUKS2): made, filled, opened again, verified" "$(cat /tmp/e)"
	umount $d/m; cryptsetup close secret
	mkdir -p $d/l $d/u $d/w
	{ filled $d/l && mount -t overlay -o lowerdir=$d/l,upperdir=$d/u,workdir=$d/w overlay $d/m && echo more >>$d/m/f1 && ! verified $d/m 2>/dev/null &&
		verified $d/l && umount $d/m; } >/tmp/e 2>&1
	result $? "overlay: a change is above, and below nothing changed" "$(cat /tmp/e)"
	{ wget -q -O $d/image.squashfs $here/small.squashfs && squashfuse $d/image.squashfs $d/m &&
		verified $d/m && findmnt -n -o FSTYPE $d/m | grep -q ^fuse && umount $d/m; } >/tmp/e 2>&1
	result $? "FUSE: a file system in user space, verified" "$(cat /tmp/e)"
}

tracing() {
	got=$(bpftrace -e 'kprobe:do_nanosleep { @[comm] = count(); } interval:s:120 { exit(); }' -c '/bin/sleep 1' 2>&1)
	case $got in *'@[sleep]: 1'*) s=0 ;; *) s=1 ;; esac
	result $s "bpftrace: a kprobe" "$got"
	got=$(bpftrace -e 'tracepoint:syscalls:sys_enter_exit_group { @ends = count(); } interval:s:120 { exit(); }' -c '/bin/true' 2>&1)
	case $got in *'@ends: '[1-9]*) s=0 ;; *) s=1 ;; esac
	result $s "bpftrace: a tracepoint of system calls" "$got"
	got=$(bpftrace -e 'uprobe:/bin/bash:main { @main = count(); } interval:s:120 { exit(); }' -c '/bin/bash -c true' 2>&1)
	case $got in *'@main: '[1-9]*) s=0 ;; *) s=1 ;; esac
	result $s "bpftrace: a uprobe" "$got"
}

# A module is built in the guest, by DKMS and from nothing but the headers package, and is used
modules() {
	release=$(uname -r)
	{ wget -q -O $d/headers.deb $here/headers.deb && dpkg -i $d/headers.deb; } >/tmp/e 2>&1; result $? "the headers package installs" "$(cat /tmp/e)"
	{ mkdir -p /usr/src/lgprobe-1 && wget -q -O - $here/lgprobe.tar | tar -C /usr/src/lgprobe-1 -xf - && dkms install lgprobe/1; } >/tmp/e 2>&1
	result $? "DKMS builds and installs a module" "$(cat /tmp/e; tail -n 5 /var/lib/dkms/lgprobe/1/build/make.log)"
	[ "$(modinfo -F vermagic lgprobe | cut -d' ' -f1)" = "$release" ] && modprobe lgprobe given=5 2>/tmp/e
	result $? "modprobe loads it" "$(cat /tmp/e)"
	cat /proc/lgprobe >/tmp/probe
	[ "$(grep -c '^ok' /tmp/probe)" = 10 ] && grep -q '^given 5' /tmp/probe; result $? "and it works" "$(cat /tmp/probe)"
	{ modprobe -r lgprobe && dkms remove lgprobe/1 --all && ! [ -e /proc/lgprobe ] && ! modinfo lgprobe; } >/tmp/e 2>&1
	result $? "it unloads, and DKMS removes it" "$(cat /tmp/e)"
}

# The other guest has 10.78.0.2, listens at 51820 and answers at 10.100.0.2; both keys are the test's.
wireguard() {
	wget -q -O /tmp/one $here/wg.one; wget -q -O /tmp/two $here/wg.two
	{ ip link add wg0 type wireguard && wg set wg0 private-key /tmp/one peer "$(wg pubkey </tmp/two)" allowed-ips 10.100.0.2/32 endpoint 10.78.0.2:51820 &&
		ip addr add 10.100.0.1/24 dev wg0 && ip link set wg0 up; } >/tmp/e 2>&1
	result $? "wireguard: a tunnel" "$(cat /tmp/e)"
	got=$(ping -c 2 -W 10 10.78.0.2 2>&1); result $? "wireguard: the other guest answers outside of the tunnel" "$got"
	got=$(ping -c 5 -i 0.5 -W 10 10.100.0.2 2>&1); result $? "wireguard: the other guest answers" "$got"
	[ "$(wg show wg0 latest-handshakes | cut -f2)" -gt 0 ]; result $? "wireguard: there was a handshake" "$(wg show)"
}

[ $# != 0 ] || set -- system network containers rootless memory storage tracing modules
for part; do $part; done
exit $failures
