#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# mkdebug.sh: build the debug host, once, and print its folder: a kernel from linux-source-6.1 with every checker that config
# names, and the initramfs of the 6.1 host. Laid out as mkhost.sh lays out a host, which calls this for "debug".
#
# Building takes 10 to 30 minutes on two cores, so the kernel has a key of its own: source, compiler and config; a build that was
# interrupted goes on where it was. The folder ends as what a module's build needs. Writes in the cache folder only.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
set -- "$here/../host/mkhost.sh"
. "$here/../host/lib.sh"

RECIPE=1		# raise it when what is below changes the kernel
tarball=/usr/src/linux-source-6.1.tar.xz
# Sources of drivers that no config here can choose: half of the unpacking
LEFT_OUT='drivers/gpu drivers/media drivers/staging drivers/infiniband drivers/scsi drivers/net/ethernet drivers/net/wireless sound'

[ -e "$tarball" ] || "$here/../../scripts/deps.sh" guest >&2
deps build guest
base=$("$here/../host/mkhost.sh" 6.1)
key=$({ echo "$RECIPE"; dpkg-query -W -f '${Version}\n' linux-source-6.1; gcc --version | head -n 1; cat "$here/config"; } | sha256sum | cut -c1-12)
tree=$CACHE/debug-kernel-$key
host=$CACHE/host/debug-$(echo "$key ${base##*/}" | sha256sum | cut -c1-12)

unpack() {
	say "unpacking $tarball"
	rm -rf "$1"; mkdir -p "$1"
	set -f; left=
	for d in $LEFT_OUT; do left="$left --exclude=*/$d/*.[ch]"; done
	tar -C "$1" --strip-components=1 -xf "$tarball" $left --exclude='*/tools/testing' --exclude='*/tools/perf' --exclude='*/Documentation/*.rst'
	set +f
	touch "$1/.unpacked"
}

# Every line of config must have taken: a checker that silently is not there finds nothing.
configure() {
	KCONFIG_ALLCONFIG="$here/config" make -s -C "$1" ARCH=x86_64 allnoconfig >"$1/config.log" 2>&1 || die "configuring failed: $1/config.log"
	grep '^CONFIG_.*=' "$here/config" | while read -r line; do
		case $line in
		*=n) ! grep -q "^${line%=n}=" "$1/.config" ;;
		*) grep -qxF "$line" "$1/.config" ;;
		esac || { say "this kernel does not take $line"; return 1; }
	done || die "the debug kernel's configuration has not taken: revise tests/debug/config"
}

build() {
	[ -e "$1/.unpacked" ] || unpack "$1"
	configure "$1"
	say "building the debug kernel (10 to 30 minutes; $1/build.log)"
	nice make -C "$1" ARCH=x86_64 KBUILD_BUILD_USER=lguest KBUILD_BUILD_HOST=lguest LOCALVERSION= -j2 vmlinux modules_prepare \
		>"$1/build.log" 2>&1 || { tail -n 15 "$1/build.log" >&2; die "the debug kernel did not build: $1/build.log"; }
	# What vmlinux exports is what a module of ours may use: KVM and its modules are configured for their hooks alone.
	cp "$1/vmlinux.symvers" "$1/Module.symvers"
	find "$1" \( -name '*.o' -o -name '*.a' -o -name '*.cmd' \) ! -path '*/scripts/*' ! -path '*/tools/*' -delete
}

if [ ! -d "$tree" ]; then
	lock debug-kernel
	[ -d "$tree" ] || { build "$tree.part"; mv "$tree.part" "$tree"; }
fi
if [ ! -d "$host" ]; then
	lock host-debug
	scratch
	release=$(cat "$tree/include/config/kernel.release")
	mkdir -p "$SCRATCH/new/root/usr/src"
	# From one place to another of the same depth in the cache: $SCRATCH/new becomes $host
	ln -sr "$tree" "$SCRATCH/new/root/usr/src/linux-headers-$release"
	ln -sr "$tree/vmlinux" "$tree/System.map" "$base/base.cpio" "$base/boot.bin" "$base/boot.rom" "$SCRATCH/new/"
	echo "$release" > "$SCRATCH/new/release"
	[ -d "$host" ] || mv "$SCRATCH/new" "$host"
fi
echo "$host"
