#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make check-guest-deb: the packages of the guest kernel. Made twice they are the same; a Debian installs them, depmod is content, a module is
# built against the headers, with make and by DKMS; lguest-run's place has the kernel; purged, they leave nothing. With TWICE=1 the kernel
# itself is built a second time, in a cache of its own (some ten minutes), and must be the same. TAP on standard output. Root.
# SERIES=6.12: that kernel.
# It may write in build/deb, the cache, and one temporary folder, in which it makes a chroot with a mount namespace of its own.
set -u
cd "$(dirname "$0")/../.." || exit 1
scripts/deps.sh guest interop deb >&2 || exit 1
work=$(mktemp -d /var/tmp/lguest-guest-deb.XXXXXX)
root=$work/root log=$work/log
trap 'rm -rf "$work"' EXIT
. tests/lib/tap.sh
tap_prefix='guest-deb: ' seen=$log
in_root() {
	unshare --mount --pid --fork --kill-child sh -c '
		mount -t proc proc "$1/proc" || exit 1
		exec chroot "$1" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 bash -c "$2"' sh "$root" "$1"
}

step "make guest-deb" guest/deb.sh "$work/one" || exit 1
kernel=$(guest/kernel.sh) || exit 1
release=$(cat "${kernel%/*}/release")
series=${release%.*}
same() { guest/deb.sh "$work/two" && for f in "$work"/one/*.deb; do cmp "$f" "$work/two/${f##*/}" || return 1; done && [ "$(ls "$work/two" | wc -l)" = 3 ]; }
step "packed twice, they are the same" same
twice() {
	local again f
	again=$(LGUEST_CACHE=$work/cache guest/kernel.sh) || return 1
	for f in "${kernel%/*}"/* "${kernel%/*}/.config"; do cmp "$f" "${again%/*}/${f##*/}" || return 1; done
}
[ -z "${TWICE-}" ] || step "the kernel built twice is the same, file by file" twice

# The server's image has gcc, make and DKMS.
fresh() {
	local node
	unsquashfs -q -n -d "$root" "$(scripts/debian-server.sh)" || return 1
	for node in 'null 3' 'zero 5' 'urandom 9'; do
		# shellcheck disable=SC2086
		set -- $node
		mknod -m 666 "$root/dev/$1" c 1 "$2" || return 1
	done
	ln -s /proc/self/fd "$root/dev/fd"
	mkdir "$root/debs" "$root/usr/src/lgprobe-1" && cp "$work"/one/*.deb "$root/debs/" && cp tests/linux/module/* "$root/usr/src/lgprobe-1/" && cp -r tests/linux/module "$root/debs/module"
}
step "a Debian with a compiler" fresh || exit 1
in_root 'cd / && find . -xdev -path ./proc -prune -o -path ./debs -prune -o -print | sort' >"$work/before"
step "they install" in_root 'dpkg -i /debs/*.deb'
step "the guest's image, headers and the host's kernel are where they belong" in_root "test -s /boot/vmlinuz-$release && test -s /boot/config-$release &&
	test -s /lib/modules/$release/modules.builtin.bin && test -s /lib/modules/$release/build/Makefile && test -s /usr/lib/lguest/vmlinux-$series"
step "the kernel in both is the one that was built" sh -c "cmp $root/usr/lib/lguest/vmlinux-$series $kernel && cmp $root/boot/vmlinuz-$release $kernel"
step "a module, with make" in_root "make -C /lib/modules/$release/build M=/debs/module modules && modinfo -F vermagic /debs/module/lgprobe.ko | grep '^$release '"
step "and by DKMS" in_root "dkms install lgprobe/1 -k $release && modinfo -k $release lgprobe && modprobe -S $release -n -v lgprobe | grep '^insmod .*lgprobe.ko'"
step "DKMS removes it" in_root "dkms remove lgprobe/1 --all && ! modinfo -k $release lgprobe"
step "they purge" in_root "dpkg --purge linux-image-$release linux-headers-$release lguest-kernel-$series"
in_root 'cd / && find . -xdev -path ./proc -prune -o -path ./debs -prune -o -print | sort' >"$work/after"
left() { [ -s "$work/before" ] && [ -s "$work/after" ] && ! comm -13 "$work/before" "$work/after" | grep -vE '^./var/(log|lib/dpkg|cache|lib/dkms)'; }
step "and leave nothing" left
exit $failed
