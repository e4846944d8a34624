#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make check-systemd: the packages in a Debian 12 with systemd as test host, emulated: units, users, groups, ends. What runs there is
# systemd-host. TAP on standard output. Root, and minutes. DEBS_ARE_THERE=1 takes the packages that lie in build/deb. It may write in the cache and one temporary folder.
set -u
cd "$(dirname "$0")/../.." || exit 1
scripts/deps.sh deb interop host guest >&2 || exit 1
CACHE=${LGUEST_CACHE:-$HOME/.cache/lguest}
work=$(mktemp -d /var/tmp/lguest-systemd.XXXXXX)
trap 'rm -rf "$work"' EXIT
root=$work/root
base=$CACHE/deb/systemd-base-$(sed -n '/^needs=/,/^}/p' "$0" | sha256sum | cut -c1-12).tar
needs='adduser iproute2 kmod libjansson4 liburing2 libcap-ng0 udev socat gdb-minimal'

die() { echo "not ok systemd: $1"; [ ! -s "$work/log" ] || tail -n 15 "$work/log" | sed 's/^/# /'; exit 1; }
in_root() {
	unshare --mount --pid --fork --kill-child sh -c 'mount -t proc proc "$1/proc" || exit 1
		exec chroot "$1" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 bash -c "$2"' sh "$root" "$1"
}
make_base() {
	local tar=$CACHE/interop/bookworm.tar node
	[ -e "$tar" ] || tests/interop/mkroot.sh || return 1
	mkdir -p "$root/var/cache/apt/archives" "$CACHE/deb" && tar -C "$root" -xf "$tar" --exclude='./dev/*' || return 1
	for node in 'null 3' 'zero 5' 'full 7' 'random 8' 'urandom 9'; do
		# shellcheck disable=SC2086
		set -- $node
		mknod -m 666 "$root/dev/$1" c 1 "$2" || return 1
	done
	apt-get indextargets --format 'deb $(REPO_URI) $(CODENAME) main' | grep bookworm | sort -u >"$root/etc/apt/sources.list"
	apt-config dump | grep '^Acquire::[^:]*::\(Proxy\|Check\)' >"$root/etc/apt/apt.conf.d/99host"
	cp /etc/resolv.conf /etc/hosts "$root/etc/"
	printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" && chmod 755 "$root/usr/sbin/policy-rc.d"
	in_root "apt-get -q update && apt-get -qy install --no-install-recommends $needs && apt-get clean && rm -rf /var/lib/apt/lists/*" || return 1
	rm -f "$root/usr/sbin/policy-rc.d" "$root/etc/apt/sources.list"
	tar -C "$root" -cf "$base.tmp" . && mv "$base.tmp" "$base"
}

# --- the host ---

if [ ! -e "$base" ]; then make_base >"$work/log" 2>&1 || die "a Debian with systemd"
else mkdir "$root" && tar -C "$root" -xf "$base" || die "a Debian with systemd"; fi
[ -n "${DEBS_ARE_THERE-}" ] || scripts/deb build/deb >"$work/log" 2>&1 || die "make deb"
host=$(tests/host/mkhost.sh 6.1) && release=$(cat "$host/release") || die "the kernel of the host"
make -s module KVER=6.1 >"$work/log" 2>&1 || die "the module"
mkdir "$root/debs" && cp build/deb/lguest_*.deb "$root/debs/"
in_root 'dpkg -i /debs/*.deb' >"$work/log" 2>&1 || die "dpkg -i"
# PROGRAMS=FOLDER: these in place of the package's, to try a change without building it
[ -z "${PROGRAMS-}" ] || cp "$PROGRAMS"/lguest-* "$PROGRAMS"/lguestctl "$root/usr/bin/"
modules=$root/lib/modules/$release
mkdir -p "$modules/updates" && cp "$host/root/lib/modules/$release/modules".{builtin,builtin.modinfo,order} "$modules/" && cp kmod/lg.ko "$modules/updates/" &&
	cp "$host/root/lib/modules/$release/kernel/drivers/net/tun.ko" "$modules/updates/" && /sbin/depmod -b "$root" "$release" || die "the modules"
install -m 755 packaging/tests/systemd-host "$root/usr/local/sbin/lguest-test"
install -D -m 755 "${B:-build/release}/probe" "$root/t/probe"
strip -o "$root/t/vmlinux" "$(guest/build.sh)" && guest/mkinitramfs.sh -o "$root/t/initrd" -c 'echo serving; sleep 1000; exit 3' || die "the Linux guest"
cat >"$root/etc/systemd/system/lguest-test.service" <<'UNIT'
[Unit]
Description=test
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/usr/local/sbin/lguest-test
[Install]
WantedBy=graphical.target
UNIT
mkdir -p "$root/etc/systemd/system/graphical.target.wants" && ln -s ../lguest-test.service "$root/etc/systemd/system/graphical.target.wants/"
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer; do rm -f "$root/etc/systemd/system/"*".wants/$unit"; done
echo '/dev/vda / ext4 defaults 0 1' >"$root/etc/fstab"
truncate -s 1500M "$work/disk" && mkfs.ext4 -q -d "$root" "$work/disk" >"$work/log" 2>&1 || die "the image"
rm -rf "$root"

# --- its run ---

tests/host/run --timeout "${TIMEOUT:-500}" --boot 400 --mem 1024 --log "$work/console" --dmesg-clean --qemu=-machine --qemu=q35,acpi=on \
	--qemu=-drive --qemu="file=$work/disk,format=raw,if=none,id=d,cache=unsafe" --qemu=-device --qemu=virtio-blk-pci,drive=d \
	--file tests/interop/initramfs:/lginit --append "rdinit=/lginit systemd.show_status=0 systemd.unit=graphical.target" -- true | tr -d '\r'
status=${PIPESTATUS[0]}
[ "$status" = 0 ] || { echo "not ok systemd: the host ended with status $status"; tail -n 20 "$work/console" | sed 's/^/# /'; }
exit "$status"
