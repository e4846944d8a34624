#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# debian.sh: make a Debian root file system as a guest boots it from a read-only disk, once, and print its path.
#
# A squashfs of bookworm with systemd, a login for root without a password on the console, and tools to look around with.
# What changes while it runs is in memory: /var by fstab, the rest by systemd. It comes from this machine's own mirror. It may write
# below the cache only, and needs root for the owners of files.
set -eu
HERE=$(cd "$(dirname "$0")" && pwd)
CACHE=${LGUEST_CACHE:-$HOME/.cache/lguest}
packages=systemd-sysv,dbus,login,iproute2,iputils-ping,e2fsprogs,wget,busybox
key=$(sha256sum <"$0" | cut -c1-12)
image=$CACHE/debian-$key.squashfs

[ -s "$image" ] && { echo "$image"; exit 0; }
[ "$(id -u)" = 0 ] || { echo "debian: only root can make the Debian disk (owners of files): run this once as root" >&2; exit 1; }
"$HERE/../scripts/deps.sh" guest interop >&2
mkdir -p "$CACHE"
exec 9>"$CACHE/debian.lock"
flock 9
[ -s "$image" ] && { echo "$image"; exit 0; }
tmp=$(mktemp -d "$CACHE/tmp.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
echo "debian: making a root file system of bookworm (some minutes, once)" >&2
"$HERE/../scripts/sources" bookworm > "$tmp/sources"
mmdebstrap --quiet --variant=minbase --include="$packages" bookworm "$tmp/root" - < "$tmp/sources" >&2
root=$tmp/root
sed -i 's/^root:[^:]*:/root::/' "$root/etc/shadow"
echo guest > "$root/etc/hostname"
printf '%s\n' 'tmpfs /var tmpfs mode=0755 0 0' 'tmpfs /root tmpfs mode=0700 0 0' > "$root/etc/fstab"
echo 'Debian as an lguest guest: root, no password; poweroff ends it.' > "$root/etc/issue"
# The login on /dev/console, which waits for no device: there is no udev here to announce hvc0.
ln -sf /dev/null "$root/etc/systemd/system/serial-getty@hvc0.service"
ln -sf /usr/lib/systemd/system/console-getty.service "$root/etc/systemd/system/getty.target.wants/console-getty.service"
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer; do
	rm -f "$root/etc/systemd/system/"*".wants/$unit"
done
rm -rf "${root:?}/var/cache/apt/"* "${root:?}/var/lib/apt/lists/"* "${root:?}/dev/"* "${root:?}/usr/share/doc/"* "${root:?}/usr/share/locale/"*
mksquashfs "$root" "$tmp/image" -quiet -no-progress -comp gzip -no-xattrs >&2
mv "$tmp/image" "$image"
echo "$image"
