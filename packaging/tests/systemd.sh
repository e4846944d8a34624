#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make check-systemd: the packages in a Debian 12 with systemd as test host, emulated: units, users, groups, ends. PARTS='units upgrade': also an upgrade of the
# package under a guest that verifies its disk, with ROUNDS=N restarts of each device after it. What runs there is systemd-host. TAP on standard output. Root, and minutes.
# DEBS_ARE_THERE=1 takes the packages that lie in build/deb. It may write there, in the cache, and in one temporary folder.
set -u
cd "$(dirname "$0")/../.." || exit 1
scripts/deps.sh deb interop host guest bench >&2 || exit 1
CACHE=${LGUEST_CACHE:-$HOME/.cache/lguest}
work=$(mktemp -d /var/tmp/lguest-systemd.XXXXXX)
trap 'rm -rf "$work"' EXIT
root=$work/root
needs='adduser iproute2 kmod libjansson4 liburing2 udev socat gdb-minimal'
parts=${PARTS:-units} memory=1024
case $parts in *upgrade*) needs="$needs iputils-ping" memory=1400 ;; esac

. tests/lib/tap.sh
tap_prefix='systemd: ' seen=$work/log
die() { not_ok "$1"; exit 1; }
. packaging/tests/root.sh
. tests/lib/libraries.sh

# newer VERSION: the packages as they are made of this commit when its next one does nothing but raise the version
newer() {
	local tree=$work/tree
	git clone -q . "$tree" && echo "$1" >"$tree/VERSION" || return 1
	printf 'lguest (%s-1) unstable; urgency=medium\n\n  * Another version.\n\n -- lguest project <lguest@lguest.example>  %s\n\n' \
		"$1" "$(git log -1 --format=%cD)" | cat - packaging/debian/changelog >"$tree/packaging/debian/changelog"
	git -C "$tree" -c user.name=test -c user.email=test@lguest.example commit -q -a -m "Version $1" && rm -rf build/deb/newer && "$tree/scripts/deb" "$PWD/build/deb/newer" && rm -rf "$tree"
}
# broken PACKAGE OLD NEW: that package with another version, of the same length, and a lguest-block that says so, but ends when it is to serve
broken() {
	local program=$work/broken/usr/bin/lguest-block
	dpkg-deb -R "$1" "$work/broken" && sed -i "s/^Version: .*/Version: $3-1/" "$work/broken/DEBIAN/control" && grep -q blk-fd "$program" &&
		sed -i "s/blk-fd/blk-xx/g; s/${2//./\\.}/$3/g" "$program" && [ "$("$program" --version)" = "lguest-block $3" ] &&
		(cd "$work/broken" && find usr etc -type f -exec md5sum {} + >DEBIAN/md5sums) && dpkg-deb -b "$work/broken" "$root/debs/broken.deb" && rm -rf "$work/broken"
}
# for_upgrade: what part upgrade needs
for_upgrade() {
	[ -n "${DEBS_ARE_THERE-}" ] && [ -e "build/deb/newer/lguest_$next-1_amd64.deb" ] || newer "$next" >"$work/log" 2>&1 || die "make deb of a newer version"
	cp "build/deb/newer/lguest_$next-1_amd64.deb" "$root/debs/newer.deb" && broken "$root/debs/newer.deb" "$next" "$version.2" >"$work/log" 2>&1 || die "a package with a fault"
	gcc -std=gnu11 -O2 -static -o "$root/t/pidfd" packaging/tests/pidfd.c || die "pidfd"
	mapfile -t fio < <(with_libraries "$(command -v fio)" /fio)
	guest/mkinitramfs.sh -o "$root/t/verifies" $(printf -- '-f %s ' packaging/tests/upgrade-guest.sh:/lguest/verifies "${fio[@]}") -c '. /lguest/verifies' || die "the guest with fio"
}

# --- the host ---

debian_root "$needs" >"$work/log" 2>&1 || die "a Debian with systemd"
[ -n "${DEBS_ARE_THERE-}" ] || scripts/deb build/deb >"$work/log" 2>&1 || die "make deb"
host=$(tests/host/mkhost.sh 6.1) && release=$(cat "$host/release") || die "the kernel of the host"
make -s module KVER=6.1 >"$work/log" 2>&1 || die "the module"
version=$(cat VERSION) next=$(cat VERSION).1
mkdir "$root/debs" && cp "build/deb/lguest_$version"-*.deb "$root/debs/" || die "no package of version $version"
in_root 'dpkg -i /debs/*.deb' >"$work/log" 2>&1 || die "dpkg -i"
# PROGRAMS=FOLDER: these in place of the package's, to try a change without building it
[ -z "${PROGRAMS-}" ] || cp "$PROGRAMS"/lguest-* "$PROGRAMS"/lguestctl "$root/usr/bin/"
install -D -t "$root/lib/modules/$release/updates" "$host/root/lib/modules/$release/kernel/net"/{bridge/bridge,802/stp,llc/llc}.ko && host_modules "$release" "$host" || die "the modules"
install -m 755 packaging/tests/systemd-host "$root/usr/local/sbin/lguest-test"
install -D -m 755 "${B:-build/release}/probe" "$root/t/probe"
install -d "$root/usr/lib/lguest" && strip -o "$root/usr/lib/lguest/vmlinux-6.1" "$(guest/build.sh)" && guest/mkinitramfs.sh -o "$root/t/initrd" -c 'echo serving; sleep 1000; exit 3' || die "the Linux guest"
case $parts in *upgrade*) for_upgrade ;; esac
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

tests/host/run --timeout "${TIMEOUT:-2400}" --boot 900 --silence 1200 --mem "$memory" --log "$work/console" --dmesg-clean --qemu=-machine --qemu=q35,acpi=on \
	--qemu=-drive --qemu="file=$work/disk,format=raw,if=none,id=d,cache=unsafe" --qemu=-device --qemu=virtio-blk-pci,drive=d \
	--file tests/interop/initramfs:/lginit --append "rdinit=/lginit systemd.show_status=0 systemd.unit=graphical.target lguest.parts=$(echo $parts | tr ' ' ,) lguest.rounds=${ROUNDS:-20}" -- true | sed -u "s,\r,,"
status=${PIPESTATUS[0]}
[ "$status" = 0 ] || { seen=$work/console; not_ok "the host ended with status $status"; }
exit "$status"
