#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# `make run`: build everything that a Linux guest needs and start one, on this machine's /dev/lguest where there is
# one, in the emulated test host otherwise.
#
#   run.sh             a shell in the guest
#   run.sh COMMAND     run COMMAND in the guest, print what it prints, exit with its status
# CPUS=N gives the guest N CPUs.
#
# The first run installs packages (scripts/deps.sh) and builds for some minutes; later ones find all of it made. It
# may write below build/ and the cache only; messages go to stderr, so that stdout is the command's.
set -euo pipefail

cd "$(dirname "$0")/.."
B=build/release
work=build/run
memory=${MEMORY:-$([ -n "${DEBIAN-}" ] && echo 768 || echo 256)}
cpus=${CPUS:-1}
say() { echo "run: $*" >&2; }
die() { say "$*"; exit 105; }

build() {
	local log=$work/build.log
	mkdir -p "$work"
	scripts/deps.sh build devices kmod host guest >&2 || die "cannot go on without these packages"
	say "programs and module"
	make -s -j2 launch-programs module >"$log" 2>&1 || { tail -n 20 "$log" >&2; die "the build failed: $log has all of it"; }
	say "guest kernel"
	vmlinux=$(guest/kernel.sh) || die "the guest kernel could not be built"
	guest/mkinitramfs.sh -o "$work/initramfs" ${1:+-c "$1"} || die "the guest's file system could not be made"
}

# The disks of an interactive guest: Debian's is made once; the writable one is empty. DEBIAN=1 boots a server, whose writable disk is
# laid over Debian's (scripts/debian-server.sh) and keeps what was changed.
disks() {
	if [ -n "${DEBIAN-}" ]; then
		debian=$(scripts/debian-server.sh) || die "DEBIAN=1 needs the Debian disk"
		disk=server.img size=8G
		cmdline="$cmdline init=/sbin/overlay-init net.ifnames=0"
		address="ip=10.77.0.2::10.77.0.1:255.255.255.0::eth0:none ip=[fd77::2]::[fd77::1]:64::eth0:none"
	else
		debian=$(scripts/debian.sh) || { say "no Debian disk; going on without"; debian=; }
	fi
	[ -e "$work/$disk" ] || truncate -s $size "$work/$disk"
}

# What lguest-run is given, in both places; $1 is the folder of kernel and disks.
options() {
	echo "--kernel $1/vmlinux --memory $memory --cpus $cpus"
	[ -n "${DEBIAN-}" ] || echo "--initrd $1/initramfs"
	[ -z "$debian" ] || echo "--block ro:$1/debian"
	[ -n "$command" ] || echo "--block $1/$disk"
}
tips() {
	[ -z "${DEBIAN-}" ] || { say "log in as root, without a password; poweroff ends the guest. What you change stays in $1." \
		"Try: ping 10.77.0.1    podman info    nft list ruleset"; return; }
	say "a shell in the guest. Try: mount /dev/vda /mnt; chroot /mnt    mke2fs /dev/vdb    ping 10.77.0.1"
	say "exit, or three times ctrl-C, leaves"
}

on_this_machine() {
	cp -u "$vmlinux" "$work/vmlinux"
	[ -z "$debian" ] || ln -sf "$debian" "$work/debian"
	[ -z "$command" ] || exec "$B/lguest-run" $(options "$work") --cmdline "$cmdline" --log "$work/log"
	if ip link show "${TAP:-tap0}" >/dev/null 2>&1; then net="--net ${TAP:-tap0}" cmdline="$cmdline $address"
	else net=; say "no tap ${TAP:-tap0} here: a guest without network (ip tuntap add tap0 mode tap user $(id -un);" \
		"ip addr add 10.77.0.1/24 dev tap0; ip addr add fd77::1/64 dev tap0; ip link set tap0 up make one)"; fi
	tips "$work/$disk"
	exec "$B/lguest-run" $(options "$work") $net --cmdline "$cmdline"
}

# In the test host the launcher's messages and the guest's early console go to a file, printed when something is wrong.
in_the_test_host() {
	local files=(--lguest /bin/lguest --file "$vmlinux:/guest/vmlinux" --file "$work/initramfs:/guest/initramfs")
	[ -n "$command" ] || cmdline="$cmdline $address"
	local load="modprobe tun; insmod /bin/lguest/lg.ko" run
	run="/bin/lguest/lguest-run $(options /guest | tr '\n' ' ') --cmdline '$cmdline'"
	say "this machine has no /dev/lguest: starting the emulated host"
	if [ -n "$command" ]; then
		exec tests/host/run --mem $((memory * 2 + 512)) "${files[@]}" --timeout "${TIMEOUT:-300}" -- \
			"$load && $run --log /log </dev/null; s=\$?; [ \$s -lt 100 ] || cat /log; exit \$s"
	fi
	# The emulated host has its disks in memory: what the guest writes there ends with it.
	files+=(--file "$(command -v ip):/bin/lguest/ip")	# busybox makes no tap that has an owner
	local net="/bin/lguest/ip tuntap add tap0 mode tap user 0; ip addr add 10.77.0.1/24 dev tap0; /bin/lguest/ip addr add fd77::1/64 dev tap0; ip link set tap0 up"
	[ -z "$debian" ] || files+=(--file "$debian:/guest/debian")
	tips "the emulated host's memory, until it ends"
	exec tests/host/run --mem $((memory * 2 + 1024)) "${files[@]}" --shell -- \
		"$load; $net; truncate -s $size /guest/$disk; $run --net tap0; reboot -f"
}

command=${1-}
[ -z "$command" ] || DEBIAN=	# a command runs in the small file system
unset CMD MAKEFLAGS MFLAGS MAKELEVEL
debian= cmdline=quiet disk=disk.img size=256M
address=init.address=10.77.0.2/24	# the guest's, which guest/init sets; the host's end of the tap has 10.77.0.1
build "$command"
[ -n "$command" ] || disks
if [ -c /dev/lguest ]; then on_this_machine; else in_the_test_host; fi
