#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the test host, beside the programs, the guest's kernel and Debian's image ("img"): the mission's line, whole,
# from a login on the console to a disk that survives a killed guest, as root and as a user. TAP on standard output.
. "$(dirname "$0")/lib.sh"
tap_prefix="mission: "
. ./console.sh

sum() { sha256sum "$@" | cut -d' ' -f1; }

# network TAP OPTION...: a tap with the host's address; tools/ip is the build machine's, for busybox's knows no owners
network() {
	local tap=$1; shift
	tools/ip tuntap add $tap mode tap "$@" && ip addr add 10.77.0.1/24 dev $tap && ip link set $tap up
}

ping_check() {
	guest 60 'ip link set eth0 up; ip addr add 10.77.0.2/24 dev eth0; ping -c 5 -i 0.2 10.77.0.1'
	check $? "$1: the guest pings the host"
	ping -c 5 -q 10.77.0.2 >/dev/null
	check $? "$1: the host pings the guest"
}

http_check() {
	guest 300 'wget -q -O - http://10.77.0.1:8000/down | sha256sum'
	[ "${said%% *}" = $(sum www/down) ]
	check $? "$1: 64 MiB to the guest over HTTP, checksums equal"
	guest 300 'mkdir /dev/shm/www; head -c 67108864 /dev/urandom >/dev/shm/www/up; busybox httpd -p 8000 -h /dev/shm/www; sha256sum /dev/shm/www/up'
	[ $? = 0 ] && [ "${said%% *}" = "$(wget -q -O - http://10.77.0.2:8000/up | sum)" ]
	check $? "$1: 64 MiB from the guest over HTTP, checksums equal"
	guest 60 'busybox killall busybox; rm -r /dev/shm/www'
}

write_check() {
	guest 60 'blockdev --setrw /dev/vda; dd if=/dev/zero of=/dev/vda bs=4096 count=1 oflag=direct'
	[ $? != 0 ] && [ $? != 200 ]
	check $? "$1: a write to the read-only disk fails in the guest"
	[ "$(sum img)" = $before ]
	check $? "$1: and the image's sha256 is what it was"
}

# disk_check WHO COMMAND...: what the guest of COMMAND has fsynced on its second disk survives its being killed
disk_check() {
	local who=$1 sums s; shift
	guest 120 'mkfs.ext4 -q -F /dev/vdb && mount /dev/vdb /mnt'
	check $? "$who: mkfs.ext4 and mount of the second, writable disk"
	guest 600 'cd /mnt; for i in $(seq 200); do head -c 1048576 /dev/urandom >f$i || break; done; sha256sum f* >sums; sync f* sums . && sha256sum sums'
	check $? "$who: 200 MiB in 200 files, and fsync"
	sums=${said%% *}
	guest 10 '(while :; do head -c 3000000 /dev/urandom >later; done) & sleep 0.5'
	kill -9 $(pidof lguest-core)
	wait $run; s=$?
	[ $s = 115 ]
	check $? "$who: kill -9 of lguest-core while the guest writes: status $s"
	boot "$@"
	check $? "$who: the same disks: boots again"
	guest 300 'mount /dev/vdb /mnt && cd /mnt && sha256sum sums && sha256sum --quiet -c sums && ls f* | wc -l'
	s=$?
	echo "$said" | tail -n 3 | quoted
	[ $s = 0 ] && [ -n "$sums" ] && [ "$(echo "$said" | head -n 1 | cut -d' ' -f1)" = "$sums" ] && [ "$(echo "$said" | tail -n 1)" = 200 ]
	check $? "$who: after a remount no synced data is lost: 200 files, checksums equal"
	guest 120 'cd /; umount /mnt && e2fsck -fn /dev/vdb'
	check $? "$who: e2fsck finds nothing"
}

# What a file system's superblock says of its end: its state, and its journal's, which alone knows whether a mounted one was left
superblock='dumpe2fs -h /dev/vdb 2>/dev/null | grep -oE "state: .*|needs_recovery" | tr -s " "'

# power_check: an operator's power-down of a guest that has just written; what it leaves is for left_check
power_check() {
	local s
	guest 120 'mount /dev/vdb /mnt && head -c 8388608 /dev/urandom >/mnt/late && sha256sum /mnt/late'
	late=${said%% *}
	guest 60 "$superblock"
	echo "$said" | grep -q needs_recovery
	check $? "powerdown: a file system is mounted, and its journal in use"
	lguestctl "$PWD/ctl" powerdown --wait --timeout 120
	check $? "powerdown: lguestctl powerdown --wait: status 0"
	wait $run; s=$?
	check $s "powerdown: and lguest-run's is $s"
}

left_check() {
	guest 60 "$superblock"
	echo "$said" | quoted
	[ "$said" = 'state: clean' ]
	check $? "powerdown: dumpe2fs says clean, and that no journal is left to replay"
	guest 120 'mount -o ro /dev/vdb /mnt && sha256sum /mnt/late; umount /mnt'
	[ -n "$late" ] && [ "${said%% *}" = "$late" ]
	check $? "powerdown: what was written and not synced before it is there"
}

# Memory of all processes, the guest's own (RAM and windows) left out; what the kernel's module holds is nobody's.
pss_check() {
	local p n
	sleep 10
	for p in $(tree); do
		n=$(pss $p)
		echo "# PSS $n KiB: $(tr '\0' ' ' </proc/$p/cmdline | cut -d' ' -f1)"
		total=$((total + n))
	done
	[ $total -gt 100 ] && [ $total -le 3548 ]
	check $? "PSS of all processes, idle after boot, without guest RAM and windows: $total KiB, at most 3548"
}

### the mission's line
cpus=${CPUS:+--cpus $CPUS}
modprobe tun
insmod ./lg.ko || exit 1
mkdir www; head -c 67108864 /dev/urandom >www/down
httpd -p 8000 -h www
network tap0 user 0
before=$(sum img) total=0
boot lguest-run --kernel vmlinux $cpus --net tap0 --block ro:img
check $? "lguest-run --kernel vmlinux --net tap0 --block ro:img: Debian boots, root logs in on the console"
guest 60 'id -u; . /etc/os-release; echo $ID; findmnt -n -o SOURCE,FSTYPE,OPTIONS /; systemctl is-system-running; systemctl --failed --no-legend'
echo "$said" | quoted
echo "$said" | grep -q '^debian$' && echo "$said" | grep -q '^/dev/vda *squashfs *ro' && echo "$said" | grep -q '^running$'
check $? "it is Debian, from the read-only disk, and systemd has nothing to complain about"
pss_check
ping_check root
http_check root
write_check root
stop
check $? "poweroff: status 0"

### a writable disk and a guest that is killed
truncate -s 512M data.img
boot lguest-run --kernel vmlinux $cpus --net tap0 --block ro:img --block data.img
check $? "a second, writable disk: boots"
disk_check root lguest-run --kernel vmlinux $cpus --control "$PWD/ctl" --net tap0 --block ro:img --block data.img
power_check

### a user of the group
tools/ip link del tap0
mkdir -p /etc
printf '%s\n' root:x:0:0::/:/bin/sh runner:x:1000:1000::/tmp:/bin/sh >/etc/passwd
printf '%s\n' root:x:0: runner:x:1000: lguest:x:105:runner >/etc/group
chown 0:105 /dev/lguest; chmod 660 /dev/lguest	# what run/install/70-lguest.rules does
chmod 666 /dev/net/tun				# what Debian's own rules do
ulimit -l unlimited				# what run/install/lguest.conf does
network tap1 user runner
chown runner data.img
chmod o+rx . && chmod o+r vmlinux img
line="exec $PWD/lguest-run --kernel vmlinux $cpus --net tap1 --block ro:img --block data.img"
boot su runner -c "$line"
check $? "a user of group lguest with a tap of his own: Debian boots, root of the guest logs in"
n=0 bad=0
for p in $(tree); do
	set -- $(sed -n 's/^Uid://p' /proc/$p/status)
	[ "$1 $2 $3 $4" = '1000 1000 1000 1000' ] || { bad=1; echo "# $(tr '\0' ' ' </proc/$p/cmdline): uids $*"; }
	n=$((n + 1))
done
[ $n -ge 11 ] && [ $bad = 0 ]
check $? "none of its $n processes has uid 0: all are the user's"
left_check
ping_check user
http_check user
write_check user
disk_check user su runner -c "$line"
stop
check $? "user: poweroff: status 0"
rmmod lg
check $? "the module unloads"
exit $failed
