#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# deb.sh FOLDER: Debian packages of the guest kernel there:
#
#	linux-image-RELEASE	for inside a guest's disk: /boot/vmlinuz-RELEASE, its configuration and symbols
#	linux-headers-RELEASE	for inside: what DKMS and other modules are built against
#	lguest-kernel-6.1	for the host: /usr/lib/lguest/vmlinux-6.1, which lguest-run takes by its version or unasked
#
# With SERIES=6.12 the same of that kernel. All comes from the cache (kernel.sh) and has the source package's time, so that the same
# kernel gives the same bytes. It may write in FOLDER and one temporary folder.
set -euo pipefail
umask 022
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)
vmlinux=$("$here/kernel.sh")
from=$(dirname "$vmlinux")
release=$(cat "$from/release")
series=${release%.*}
version=$(dpkg-query -W -f '${Version}' "linux-source-$series")+lguest$(cat "$here/../VERSION")
SOURCE_DATE_EPOCH=$(cat "$from/time")
export SOURCE_DATE_EPOCH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# package NAME DEPENDS SHORT LONG: pack $work/NAME
package() {
	local root=$work/$1
	mkdir -p "$root/DEBIAN" "$root/usr/share/doc/$1"
	cat >"$root/usr/share/doc/$1/copyright" <<-EOF
	This is Linux, from Debian's package linux-source-$series, with the patches in the folder guest/patches of lguest.
	Copyright: the Linux kernel's authors and lguest's. License: GPL-2; see /usr/share/common-licenses/GPL-2.
	EOF
	cat >"$root/DEBIAN/control" <<-EOF
	Package: $1
	Version: $version
	Architecture: amd64
	Maintainer: lguest project <lguest@lguest.example>
	Section: kernel
	Priority: optional
	Installed-Size: $(du -k -s --apparent-size "$root" | cut -f1)
	${2:+Depends: $2
	}Description: $3
	 $4
	EOF
	sed -i '/^$/d; s/^\t*//' "$root/DEBIAN/control"
	find "$root" -newermt "@$SOURCE_DATE_EPOCH" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
	dpkg-deb --root-owner-group -Zxz -z3 --build "$root" "$out/$1_${version}_amd64.deb" >/dev/null
	echo "$out/$1_${version}_amd64.deb"
}

image=$work/linux-image-$release
mkdir -p "$image/boot" "$image/lib/modules/$release" "$image/DEBIAN"
install -m 644 "$vmlinux" "$image/boot/vmlinuz-$release"
install -m 644 "$from/.config" "$image/boot/config-$release"
install -m 644 "$from/System.map" "$image/boot/System.map-$release"
install -m 644 "$from"/modules.builtin "$from"/modules.builtin.modinfo "$image/lib/modules/$release/"
: >"$image/lib/modules/$release/modules.order"
for script in postinst postrm; do
	cat >"$image/DEBIAN/$script" <<-EOF
	#!/bin/sh
	set -e
	[ $script != postinst ] || depmod $release || true
	[ $script != postrm ] || [ "\$1" = upgrade ] || rm -f /lib/modules/$release/modules.*
	for d in /etc/kernel/$script.d /usr/share/kernel/$script.d; do
		[ ! -d \$d ] || DEB_MAINT_PARAMS="\$*" run-parts --arg=$release --arg=/boot/vmlinuz-$release \$d
	done
	EOF
	chmod 755 "$image/DEBIAN/$script"
done
package linux-image-$release kmod "Linux $release for lguest guests, inside their disk" \
	"A kernel that runs in ring 3, under lguest's module. The host loads it from a file of its own: see lguest-kernel-$series."

headers=$work/linux-headers-$release
mkdir -p "$headers/usr/src/linux-headers-$release" "$headers/lib/modules/$release"
tar -C "$headers/usr/src/linux-headers-$release" -xf "$from/headers.tar.xz"
ln -s "/usr/src/linux-headers-$release" "$headers/lib/modules/$release/build"
package linux-headers-$release 'libc6, libelf1, gcc-12 | gcc, make' "Headers of Linux $release for lguest guests" \
	"What is needed to build modules for it, with DKMS or by hand."

host=$work/lguest-kernel-$series
mkdir -p "$host/usr/lib/lguest"
install -m 644 "$vmlinux" "$host/usr/lib/lguest/vmlinux-$series"
package lguest-kernel-$series '' "Guest kernel $release for lguest-run" \
	"lguest-run takes it when --kernel says $series or is left out."
