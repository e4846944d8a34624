#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# debian-server.sh: make a Debian that is a server, as `make run DEBIAN=1` and `make linux-server` boot it, once, and print its path.
#
# A squashfs of bookworm with systemd, a network that the kernel's command line configures (ip=...), podman, cloud-init for a NoCloud
# seed, an SSH server, and an administrator's tools. It is a read-only disk; /sbin/overlay-init, the first process, lays a writable disk
# (/dev/vdb, which it formats when its first MiB can be read and is zeros) or memory over it. Packages come from this machine's own mirror. It may write below the
# cache only, and needs root for the owners of files.
set -eu
HERE=$(cd "$(dirname "$0")" && pwd)
CACHE=${LGUEST_CACHE:-$HOME/.cache/lguest}
packages=systemd-sysv,udev,dbus,dbus-user-session,libpam-systemd,login,passwd,iproute2,iputils-ping,e2fsprogs,wget,busybox-static,kmod,procps,less
packages=$packages,podman,crun,netavark,aardvark-dns,nftables,iptables,uidmap,slirp4netns,fuse-overlayfs,catatonit
packages=$packages,cloud-init,openssh-server,wireguard-tools,xfsprogs,btrfs-progs,cryptsetup-bin,bpftrace,squashfuse
# What bpftrace's tracepoints and a module need to be compiled in the guest
packages=$packages,linux-libc-dev,libc6-dev,gcc,make,dkms
key=$(sha256sum <"$0" | cut -c1-12)
image=$CACHE/debian-server-$key.squashfs

[ -s "$image" ] && { echo "$image"; exit 0; }
[ "$(id -u)" = 0 ] || { echo "debian-server: only root can make the Debian disk (owners of files): run this once as root" >&2; exit 1; }
"$HERE/../scripts/deps.sh" guest interop >&2
mkdir -p "$CACHE"
exec 9>"$CACHE/debian-server.lock"
flock 9
[ -s "$image" ] && { echo "$image"; exit 0; }
tmp=$(mktemp -d "$CACHE/tmp.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
echo "debian-server: making a root file system of bookworm (some minutes, once)" >&2
"$HERE/../scripts/sources" bookworm > "$tmp/sources"
mmdebstrap --quiet --variant=minbase --include="$packages" --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
	--dpkgopt='path-exclude=/usr/share/man/*' bookworm "$tmp/root" - < "$tmp/sources" >&2
root=$tmp/root

sed -i 's/^root:[^:]*:/root::/' "$root/etc/shadow"
echo guest > "$root/etc/hostname"
printf '127.0.0.1 localhost guest\n::1 localhost ip6-localhost\n' > "$root/etc/hosts"
rm -f "$root/etc/resolv.conf"
echo 'nameserver 10.77.0.1' > "$root/etc/resolv.conf"
echo 'Debian as an lguest guest: root, no password; poweroff ends it.' > "$root/etc/issue"
: > "$root/etc/fstab"
# What must be each guest's own is made by its first boot.
rm -f "$root"/etc/ssh/ssh_host_* "$root/var/lib/dbus/machine-id"
: > "$root/etc/machine-id"
useradd --root "$root" --create-home --shell /bin/bash user	# with the ranges in /etc/subuid that rootless containers need
sed -i 's/^user:[^:]*:/user::/' "$root/etc/shadow"

cat > "$root/sbin/overlay-init" <<'EOF'
#!/bin/sh
# The first process: lays the writable disk over the read-only one, and hands over to systemd. Container engines want a file
# system of their own for their layers, which an overlay cannot be: /var/lib/containers and /home are the disk's. mount -n: nothing to
# write a table of mounts in is there yet.
disk=/dev/vdb
mount -n -t proc proc /proc
if [ -b $disk ]; then
	# Empty is a first MiB that was read to its end, and is zeros: what gives an error, or is shorter, may hold anything.
	if cmp -s -n 1048576 $disk /dev/zero; then mke2fs -q -t ext4 -L lguest $disk; fi
	mount -n -t ext4 $disk /overlay || echo "overlay-init: $disk has no ext4 file system: going on in memory" >/dev/console
fi
mountpoint -q /overlay || mount -n -t tmpfs tmpfs /overlay
mkdir -p /overlay/upper /overlay/work /overlay/containers
[ -d /overlay/home ] || cp -a /home /overlay/home
mount -n -t overlay -o lowerdir=/,upperdir=/overlay/upper,workdir=/overlay/work overlay /newroot
mount -n --move /dev /newroot/dev
mount -n --move /overlay /newroot/overlay
umount -n /proc
cd /newroot && pivot_root . lower
mount -n --bind /overlay/containers /var/lib/containers
mount -n --bind /overlay/home /home
exec /lib/systemd/systemd </dev/console >/dev/console 2>&1
EOF
chmod 755 "$root/sbin/overlay-init"
mkdir -p "$root/overlay" "$root/newroot" "$root/lower" "$root/var/lib/containers"

cat > "$root/etc/systemd/system/ssh-host-keys.service" <<'EOF'
[Unit]
Description=The SSH server's own keys, made once
Before=ssh.service
ConditionPathExists=!/etc/ssh/ssh_host_ed25519_key
[Service]
Type=oneshot
ExecStart=/usr/bin/ssh-keygen -q -t ed25519 -N "" -f /etc/ssh/ssh_host_ed25519_key
[Install]
WantedBy=multi-user.target
EOF
# A seed disk (label cidata) is all that cloud-init looks for; without one it stays off. The network is the command line's.
# There are no locales in this image to choose from: asked for one, cloud-init would call itself failed.
printf 'datasource_list: [ NoCloud, ConfigDrive ]\nnetwork: { config: disabled }\nlocale: false\n' > "$root/etc/cloud/cloud.cfg.d/90-lguest.cfg"
# One virtual CPU, often in an emulator: units wait longer than on a machine.
mkdir -p "$root/etc/systemd/system.conf.d"
printf '[Manager]\nDefaultTimeoutStartSec=600\nDefaultTimeoutStopSec=60\n' > "$root/etc/systemd/system.conf.d/lguest.conf"
for unit in systemd-networkd.service systemd-network-generator.service ssh-host-keys.service console-getty.service; do
	systemctl --root="$root" --quiet enable $unit
done
for unit in systemd-networkd-wait-online.service serial-getty@hvc0.service getty@tty1.service podman-auto-update.timer podman-auto-update.service \
	apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer; do
	systemctl --root="$root" --quiet mask $unit
done
rm -rf "${root:?}/var/cache/apt/"* "${root:?}/var/lib/apt/lists/"* "${root:?}/dev/"*
mksquashfs "$root" "$tmp/image" -quiet -no-progress -comp zstd -Xcompression-level 6 >&2
mv "$tmp/image" "$image"
echo "$image"
