#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# mkhost.sh [--refresh] [6.1|6.12|7.3]: build the test host, once, and print its folder.
#
# The test host is Debian's own kernel package, unmodified and not installed, with a small initramfs. The folder holds
#	vmlinux		the ELF kernel, for QEMU's PVH boot (4 levels, no KASLR)
#	bzImage		the same as packaged: the only form that randomises its addresses
#	boot.bin, .rom	boot.S, which enters vmlinux with 4 or 5 levels of page tables, in QEMU and in Bochs
#	base.cpio	busybox, the modules that tests use, and init; `run` appends what a test names
#	root/		the packages as unpacked: all modules, and the headers to build lg.ko against
#	tools/		for a kernel of a newer Debian than this one: its compiler and C library, which its headers' tools need
#	release		the kernel's release, as uname -r prints it
#
# The key of the cache is the package's version, busybox, and the text of what makes it. A host that is there is used without asking apt;
# --refresh (make host) looks for a newer kernel package. Writes in the cache folder only; needs no root except to install what it needs.
set -eu
. "$(dirname "$0")/lib.sh"

# Modules for the tests: file systems, tap devices, and below a driver for each device of ours. What is built in is skipped.
MODULES='virtio_mmio virtio_pci 9p 9pnet_virtio tun vhost_net vhost_vsock bridge veth ext4 squashfs loop overlay msr kvm_amd kvm_intel'
DEVICES=$(sed -n 's/.*\.id = \(VIRTIO_ID_[A-Z]*\).*/\1/p' "$HOSTDIR"/../../devices/*/kind.c)

refresh=
[ "${1-}" != --refresh ] || { refresh=1; shift; }
kernel=${1:-6.1}
here=$CACHE/host
[ -x /bin/busybox ] || deps build host
text=$({ echo "$DEVICES"; cat /bin/busybox; } | hash_of "$0" "$HOSTDIR/lib.sh" "$HOSTDIR/init" "$HOSTDIR/unpack-kernel" "$HOSTDIR/boot.S" "$HOSTDIR/cpio.py" -)

current() { [ "$(cat "$here/$kernel/text" 2>/dev/null)" = "$text" ]; }

if [ -z "$refresh" ] && current; then readlink -f "$here/$kernel"; exit 0; fi
deps build host
lock "host-$kernel"
if [ -z "$refresh" ] && current; then readlink -f "$here/$kernel"; exit 0; fi
mkdir -p "$here"
scratch

# The newest kernel of this series: the release's default one, the one named by series (backports), or trixie's.
find_image() {
	for meta in linux-image-amd64 "linux-image-$kernel-amd64"; do
		case $(candidate "$meta") in
		"$kernel".*) apt-cache $APT depends "$meta" | sed -n 's/^  Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1 ;;
		esac
	done | head -n 1
}

# The same where no package of the release names it, as with the newest kernels of backports
find_by_name() {
	apt-cache $APT pkgnames "linux-image-$kernel." | grep -E '^linux-image-[0-9.]+\+deb[0-9]+-amd64$' | sort -V | tail -n 1
}

# foreign_tools TOOLS KBUILD COMPILER: the compiler of trixie and the tools of KBUILD, run by trixie's own C library, which
# is put into TOOLS.
foreign_tools() {
	fetch "$1" "$3-x86-64-linux-gnu" "cpp-${3#gcc-}-x86-64-linux-gnu" "libgcc-${3#gcc-}-dev" binutils-x86-64-linux-gnu libbinutils libctf0 libctf-nobfd0 \
		libsframe1 libisl23 libmpc3 libmpfr6 libgmp10 libjansson4 libstdc++6/trixie libgcc-s1/trixie zlib1g/trixie libzstd1/trixie libc6/trixie \
		libelf1t64 || die "cannot download trixie's compiler: check this machine's package mirror"
	lib=$1/usr/lib/x86_64-linux-gnu
	find "$1/usr/bin" "$1/usr/libexec" "$2" -type f -perm /111 ! -name '*.so*' | while read -r f; do
		[ "$(head -c 4 "$f" | tail -c 3)" = ELF ] || continue
		# Debian's programs that choose one of several by the architecture go by their own name
		for real in "$f.real-x86" "$f.real-lsb-64"; do
			[ -e "$real" ] || continue
			printf '#!/bin/sh\nexec "$(readlink -f "$0").%s" "$@"\n' "${real##*.}" >"$f"
			continue 2
		done
		mv "$f" "$f.bin"
		start_by "$lib" "$f.bin" "$f"
	done
}

image=$(find_image)
[ -n "$image" ] || { refresh_apt || true; image=$(find_image); }
if [ -z "$image" ]; then
	case $kernel in
	6.1)  private_apt bookworm deb ;;
	6.12) private_apt trixie deb ;;
	7.3)  private_apt "trixie trixie-backports" deb ;;
	*)    die "no Debian kernel of series $kernel: choose 6.1, 6.12 or 7.3" ;;
	esac
	image=$(find_image)
	[ -n "$image" ] || image=$(find_by_name)
fi
[ -n "$image" ] || die "this machine's apt has no linux-image of series $kernel: run apt-get update, or add the release that has it"

release=${image#linux-image-}
dir=$here/$kernel-$(echo "$(candidate "$image") $text" | sha256sum | cut -c1-12)
if [ ! -d "$dir" ]; then
	headers=linux-headers-$release
	kbuild=$(apt-cache $APT depends "$headers" | sed -n 's/^  Depends: \(linux-kbuild-.*\)/\1/p' | head -n 1)
	new=$SCRATCH/new
	# Since 7.x the image package only names those that have the kernel and its modules
	# shellcheck disable=SC2046
	set -- $(apt-cache $APT depends "$image" | sed -n 's/^  Depends: \(linux-\(base\|binary\|modules\)-.*\)/\1/p')
	[ $# -gt 0 ] || set -- "$image"
	set -- "$@" "$headers" "${headers%-amd64}-common" "$kbuild"
	fetch "$new/root" "$@" || { refresh_apt && fetch "$new/root" "$@"; } ||
		die "cannot download $image and its headers: check this machine's package mirror"
	echo "$release" > "$new/release"
	echo "$text" > "$new/text"

	say "unpacking the kernel"
	[ -e "$new/root/lib" ] || ln -s usr/lib "$new/root/lib"
	if [ -e "$new/root/boot" ]; then mv "$new/root/boot/vmlinuz-$release" "$new/bzImage"
	else mv "$new/root/lib/modules/$release/vmlinuz" "$new/bzImage"; fi
	"$HOSTDIR/unpack-kernel" "$new/bzImage" "$new/vmlinux"
	gcc -c -o "$SCRATCH/boot.o" "$HOSTDIR/boot.S"
	ld -Ttext=0 --section-start=.start=0x800000 --section-start=.rom=0xd0000 -e start -o "$SCRATCH/boot" "$SCRATCH/boot.o"
	objcopy -O binary -j .start "$SCRATCH/boot" "$new/boot.bin"
	objcopy -O binary -j .rom "$SCRATCH/boot" "$new/boot.rom"
	# 6.12's modules are compressed, which busybox's modprobe cannot read.
	find "$new/root/lib/modules" -name '*.ko.xz' -exec xz -d {} +
	/sbin/depmod -b "$new/root" "$release"

	# Headers outside /usr/src: the only absolute paths in them are those of the two parts, which lie side by side.
	sed -i 's,/usr/src/,$(usr_src)/,g; 1i usr_src := $(realpath $(dir $(lastword $(MAKEFILE_LIST)))..)' "$new/root/usr/src/$headers/Makefile"
	# 6.12's carry type data in a file "vmlinux", for which a module's build would need pahole; modules load without.
	rm -f "$new/root/usr/src/$headers/vmlinux"

	compiler=$(sed -n 's/^CC = .*\(gcc-[0-9]*\)$/\1/p' "$new/root/usr/src/$headers/.kernelvariables")
	if ! command -v "$compiler" >/dev/null; then
		say "$compiler is not here: taking that of the kernel's own Debian"
		foreign_tools "$new/tools" "$new/root/usr/lib/$kbuild" "$compiler"
		sed -i 's,^override CROSS_COMPILE.*,override CROSS_COMPILE := $(realpath $(dir $(lastword $(MAKEFILE_LIST)))../../../..)/tools/usr/bin/x86_64-linux-gnu-,' \
			"$new/root/usr/src/$headers/.kernelvariables"
	fi

	r=$new/initramfs
	mkdir -p "$r/bin" "$r/dev" "$r/proc" "$r/sys" "$r/tmp" "$r/mnt" "$r/root" "$r/lib/modules/$release"
	cp /bin/busybox "$r/bin/"
	/bin/busybox --list | while read -r a; do [ "$a" = busybox ] || ln -s busybox "$r/bin/$a"; done
	cp "$HOSTDIR/init" "$r/init"; chmod 755 "$r/init"
	ids=$({ echo '#include <linux/virtio_ids.h>'; echo "$DEVICES"; } | cpp -P)
	for m in $MODULES $(printf 'virtio:d%08Xv00001AF4 ' $ids); do
		/sbin/modprobe -d "$new/root" -S "$release" --show-depends "$m" 2>/dev/null | sed -n 's/^insmod \([^ ]*\).*/\1/p'
	done | sort -u | xargs cp -t "$r/lib/modules/$release/"
	cp "$new/root/lib/modules/$release"/modules.builtin* "$r/lib/modules/$release/"
	: > "$r/lib/modules/$release/modules.order"
	/sbin/depmod -b "$r" "$release"
	"$HOSTDIR/cpio.py" "$new/base.cpio" "$r:/"
	rm -rf "$r"
	mv "$new" "$dir"
	say "the $release test host is in $dir"
fi
ln -sfn "${dir##*/}" "$here/$kernel"
# Hosts of earlier packages or scripts go, but not under somebody who is still using one.
find "$here" -mindepth 1 -maxdepth 1 -type d -name "$kernel-*" -mmin +240 ! -path "$dir" -exec rm -rf {} +
echo "$dir"
