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
needs='adduser iproute2 kmod libjansson4 liburing2 udev socat gdb-minimal'

. tests/lib/tap.sh
tap_prefix='systemd: ' seen=$work/log
die() { not_ok "$1"; exit 1; }
. packaging/tests/root.sh

# --- the host ---

debian_root "$needs" >"$work/log" 2>&1 || die "a Debian with systemd"
[ -n "${DEBS_ARE_THERE-}" ] || scripts/deb build/deb >"$work/log" 2>&1 || die "make deb"
host=$(tests/host/mkhost.sh 6.1) && release=$(cat "$host/release") || die "the kernel of the host"
make -s module KVER=6.1 >"$work/log" 2>&1 || die "the module"
mkdir "$root/debs" && cp build/deb/lguest_*.deb "$root/debs/"
in_root 'dpkg -i /debs/*.deb' >"$work/log" 2>&1 || die "dpkg -i"
# PROGRAMS=FOLDER: these in place of the package's, to try a change without building it
[ -z "${PROGRAMS-}" ] || cp "$PROGRAMS"/lguest-* "$PROGRAMS"/lguestctl "$root/usr/bin/"
host_modules "$release" "$host" || die "the modules"
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
[ "$status" = 0 ] || { seen=$work/console; not_ok "the host ended with status $status"; }
exit "$status"
