#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Makes the root file system of a test guest: busybox, guest/init as /init, and what the options add.
#
#   mkinitramfs.sh -o OUT [-c COMMAND] [-f FILE:PATH]...
#
# With -c the guest runs COMMAND with sh, hands its exit status to the host and powers off; without it a shell
# comes up on the console. -f puts FILE of this machine at PATH of the guest (programs must be static).
# The result is a plain cpio (newc): it boots as it is, and cpio files may be appended to it.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
out=
command=
files=()
die() { echo "mkinitramfs: $*" >&2; exit 1; }

while getopts o:c:f: opt; do
	case $opt in
	o) out=$OPTARG ;;
	c) command=$OPTARG ;;
	f) files+=("$OPTARG") ;;
	*) die "usage: mkinitramfs.sh -o OUT [-c COMMAND] [-f FILE:PATH]..." ;;
	esac
done
[ -n "$out" ] || die "no -o OUT given"
if ! command -v cpio >/dev/null || [ ! -x /bin/busybox ]; then
	"$here/../scripts/deps.sh" guest >&2 || die "install busybox-static and cpio"
fi

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root"/{bin,dev,proc,sys,tmp,root,etc,mnt,lguest}
chmod 1777 "$root/tmp"
cp /bin/busybox "$root/bin/busybox"
ln -s bin "$root/sbin"
for applet in $(/bin/busybox --list); do
	[ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
done
install -m 755 "$here/init" "$root/init"
# What the kernel runs when the host's operator asks (orderly_poweroff() and orderly_reboot()): busybox's own would ask an init that hears nothing
for applet in poweroff reboot; do
	rm -f "$root/bin/$applet"
	printf '#!/bin/sh\nsync\nexec busybox %s -f\n' $applet >"$root/bin/$applet"
	chmod 755 "$root/bin/$applet"
done
echo root:x:0:0:root:/root:/bin/sh >"$root/etc/passwd"
echo root:x:0: >"$root/etc/group"
[ -z "$command" ] || printf '%s\n' "$command" >"$root/lguest/command"
for f in "${files[@]}"; do
	[ -r "${f%%:*}" ] || die "cannot read ${f%%:*}"
	install -D "${f%%:*}" "$root/${f#*:}"
done
(cd "$root" && find . -mindepth 1 | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) >"$out"
