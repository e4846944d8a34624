#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# root.sh: a root file system of Debian 12 with some packages more, for tests of packages and for test hosts with more in them than busybox; read by
# deb.sh, systemd.sh and tests/cluster/slurm.sh, with $root (a folder that is not there yet) and $CACHE set. The packages come from where this machine
# has its own. It may write in these two.

# in_root COMMAND: in a chroot, with a /proc of its own; $BIND, a folder of this machine, read-only at its own path, if there is one
in_root() {
	unshare --mount --pid --fork --kill-child sh -c 'mount -t proc proc "$1/proc" || exit 1
		[ -z "$3" ] || { mkdir -p "$1$3" && mount --bind -o ro "$3" "$1$3"; } || exit 1
		exec chroot "$1" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 bash -c "$2"' \
		sh "$root" "$1" "${BIND-}"
}

# fresh_root: $root, as debootstrap leaves one, whose apt asks where ours does, and in which no service starts
fresh_root() {
	local tar node
	tar=$(tests/interop/mkroot.sh --tar) || return 1
	mkdir -p "$root/var/cache/apt/archives" && tar -C "$root" -xf "$tar" --exclude='./dev/*' || return 1
	for node in 'null 3' 'zero 5' 'full 7' 'random 8' 'urandom 9'; do
		mknod -m 666 "$root/dev/${node% *}" c 1 "${node#* }" || return 1
	done
	ln -s /proc/self/fd "$root/dev/fd"
	scripts/sources bookworm >"$root/etc/apt/sources.list" || return 1
	apt-config dump | grep '^Acquire::[^:]*::\(Proxy\|Check\)' >"$root/etc/apt/apt.conf.d/99host"
	cp /etc/resolv.conf /etc/hosts "$root/etc/"
	printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" && chmod 755 "$root/usr/sbin/policy-rc.d"
}

make_root() { # make_root TAR PACKAGES: into $root, and into TAR for the next time
	fresh_root || return 1
	in_root "apt-get -q update && apt-get -qy install --no-install-recommends $2 && apt-get clean && rm -rf /var/lib/apt/lists/*" || return 1
	rm -f "$root/usr/sbin/policy-rc.d" "$root/etc/apt/sources.list"
	mkdir -p "${1%/*}" && tar -C "$root" -cf "$1.tmp" . && mv "$1.tmp" "$1"
}

# debian_root PACKAGES: $root, made, or unpacked as it was made before
debian_root() {
	local tar
	tar=$CACHE/deb/root-$({ declare -f fresh_root make_root; echo "$1"; } | sha256sum | cut -c1-12).tar
	if [ -e "$tar" ]; then mkdir "$root" && tar -C "$root" -xf "$tar"
	else make_root "$tar" "$1"; fi
}

# host_modules RELEASE HOST: lg.ko and tun for that kernel, and what else the caller has put below $root/lib/modules/RELEASE
host_modules() {
	local modules=$root/lib/modules/$1
	mkdir -p "$modules/updates" && cp "$2/root/lib/modules/$1/modules".{builtin,builtin.modinfo,order} "$modules/" && cp kmod/lg.ko "$modules/updates/" &&
		cp "$2/root/lib/modules/$1/kernel/drivers/net/tun.ko" "$modules/updates/" && /sbin/depmod -b "$root" "$1"
}
