#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# mkroot.sh [--tar]: make a Debian root file system for the interop tests, once, and print the image's path; --tar: the path of the packages in it,
# as debootstrap leaves them.
#
# A minimal bookworm with systemd, fio and e2fsprogs in an ext4 image, from this machine's own mirror. Its one service
# runs what the test put on the kernel's command line (lguest.do=NAME runs /test/NAME of interop/guest). Needs root.
set -eu
HOSTDIR=$(cd "$(dirname "$0")/../host" && pwd)
CACHE=${LGUEST_CACHE:-$HOME/.cache/lguest}
HERE=$(cd "$(dirname "$0")" && pwd)
key=$(cat "$0" "$HERE/guest" | sha256sum | cut -c1-12)
image=$CACHE/interop/root-$key.img
packages=systemd-sysv,fio,e2fsprogs,dbus
tar=$CACHE/interop/bookworm-$(echo "$packages" | sha256sum | cut -c1-12).tar
case ${1-} in
--tar) made=$tar ;;
*) made=$image ;;
esac

[ -s "$made" ] && { echo "$made"; exit 0; }
"$HOSTDIR/../../scripts/deps.sh" interop >&2
mkdir -p "$CACHE/interop"
exec 9>"$CACHE/interop.lock"
flock 9
[ -s "$made" ] && { echo "$made"; exit 0; }
tmp=$(mktemp -d "$CACHE/tmp.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
if [ ! -f "$tar" ]; then
	"$HOSTDIR/../../scripts/sources" bookworm > "$tmp/sources"
	mmdebstrap --variant=minbase --include=$packages --format=tar bookworm "$tmp/tar" - < "$tmp/sources" >&2
	mv "$tmp/tar" "$tar"
fi
[ "$made" != "$tar" ] || { echo "$tar"; exit 0; }
mkdir "$tmp/root"
tar -xf "$tar" -C "$tmp/root" --exclude=./dev/*
install -m 755 "$HERE/guest" "$tmp/root/usr/local/sbin/lguest-test"
cat > "$tmp/root/etc/systemd/system/lguest-test.service" <<'UNIT'
[Unit]
Description=interop test
After=local-fs.target
[Service]
Type=oneshot
ExecStart=/usr/local/sbin/lguest-test
[Install]
WantedBy=multi-user.target
UNIT
ln -s ../lguest-test.service "$tmp/root/etc/systemd/system/multi-user.target.wants/lguest-test.service"
for unit in systemd-networkd apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer; do
	rm -f "$tmp/root/etc/systemd/system/"*".wants/$unit"*
done
echo '/dev/vda / ext4 defaults 0 1' > "$tmp/root/etc/fstab"
truncate -s 1G "$tmp/image"
mkfs.ext4 -q -d "$tmp/root" "$tmp/image"
mv "$tmp/image" "$image"
echo "$image"
