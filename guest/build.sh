#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Builds the guest kernel: unpacks Debian's linux-source, applies patches/, configures it with config and leaves
# the result at ${LGUEST_CACHE:-~/.cache/lguest}/guest-<hash>/vmlinux, whose path is all that it prints to stdout. What packages of it need
# (deb.sh) lies beside it. The date in it is the source package's: built again, in whatever folder, all of it is the
# same bytes (make check-guest-deb TWICE=1).
# The hash covers everything that decides the result (source package, patches, config, ABI header, this script),
# so a second run is instant and a stale kernel impossible. The unpacked tree and its objects stay beside it: after
# a change to a patch only the files that really differ are replaced, and make rebuilds what depends on them.
#
#   build.sh             build, or find in the cache
#   build.sh --dev DIR   build the kernel tree DIR (with the patches applied by its owner) into DIR.build
#
# It may write below the cache (or DIR.build) only; it installs missing packages through scripts/deps.sh.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
abi=$here/../kmod/include/uapi/linux/lguest.h
cache=${LGUEST_CACHE:-$HOME/.cache/lguest}
tarball=/usr/src/linux-source-6.1.tar.xz
jobs=${JOBS:-2}
objects=2560	# about what a full build compiles: for the progress display only

say() { echo "guest kernel: $*" >&2; }
die() { say "$*"; exit 1; }

need_packages() {
	[ -e $tarball ] && command -v flex bison bc gcc make patch >/dev/null && [ -e /usr/include/libelf.h ] && return
	"$here/../scripts/deps.sh" guest >&2 || die "install linux-source-6.1 build-essential flex bison bc libelf-dev patch"
}

# The files that a series of patches touches
touched() { cat "$@" | sed -nE 's,^(---|\+\+\+) [ab]/([^	]*).*,\2,p' | sort -u; }

# Replace only what differs, so that make sees an old time on everything else.
sync_file() {
	if [ ! -e "$1" ]; then rm -f "$2"; return; fi
	cmp -s "$1" "$2" && return
	mkdir -p "$(dirname "$2")"
	cp "$1" "$2"
}

# prepare TREE: bring TREE to source + patches + ABI header. The patches are applied to a stage that holds just the
# files which they touch, taken from TREE.orig; TREE.touched lists every file that a series ever touched, and is
# written before TREE is, so that a run may die anywhere.
prepare() {
	local tree=$1 stage=$1.stage f kind
	if [ ! -e "$tree.unpacked" ]; then
		say "unpacking $tarball"
		rm -rf "$tree" "$tree.orig"
		mkdir -p "$tree" "$tree.orig"
		tar -C "$tree" --strip-components=1 -xf $tarball
		: >"$tree.touched"
		touch "$tree.unpacked"
	fi
	rm -rf "$stage"
	mkdir -p "$stage"
	cp "$tree.touched" "$stage.list"
	touched "$here"/patches/*.patch | while read -r f; do
		if ! grep -q "^[a-z]* $f\$" "$tree.touched"; then
			kind=new
			if [ -e "$tree/$f" ]; then kind=old; (cd "$tree" && cp --parents -p "$f" "$tree.orig"); fi
			echo "$kind $f" >>"$stage.list"
		fi
		if [ -e "$tree.orig/$f" ]; then (cd "$tree.orig" && cp --parents -p "$f" "$stage"); fi
	done
	for f in "$here"/patches/*.patch; do
		patch -s -d "$stage" -p1 <"$f" >&2 || die "patches/$(basename "$f") does not apply to $tarball"
	done
	cp "$stage.list" "$tree.touched.new"
	mv "$tree.touched.new" "$tree.touched"
	while read -r kind f; do
		if [ -e "$stage/$f" ] || [ "$kind" = new ]; then sync_file "$stage/$f" "$tree/$f"
		else sync_file "$tree.orig/$f" "$tree/$f"; fi
	done <"$tree.touched"
	sync_file "$abi" "$tree/include/uapi/linux/lguest.h"
	rm -rf "$stage" "$stage.list"
}

# compile TREE OBJ: configure and build, with a count of what was compiled as progress.
compile() {
	local tree=$1 obj=$2 n=0 line start=$SECONDS status=0 missing
	mkdir -p "$obj"
	if ! cmp -s "$here/config" "$obj/.lguest-config" || [ ! -e "$obj/.config" ]; then
		make -s -C "$tree" O="$obj" ARCH=x86_64 KCONFIG_ALLCONFIG="$here/config" allnoconfig >"$obj/config.log" 2>&1 ||
			die "configuring failed: $(tail -1 "$obj/config.log")"
		missing=$(grep '^CONFIG_' "$here/config" | grep -vxFf "$obj/.config" || true)
		[ -z "$missing" ] || die "options of the config that did not take (what they depend on is off): $(echo $missing)"
		cp "$here/config" "$obj/.lguest-config"
	else	# conf is in the packages too: of these sources, though the configuration is the old one
		make -s -C "$tree" O="$obj" ARCH=x86_64 listnewconfig >"$obj/config.log" 2>&1 || die "configuring failed: $(tail -1 "$obj/config.log")"
	fi
	nice -n 10 make -C "$tree" O="$obj" ARCH=x86_64 KBUILD_BUILD_USER=lguest KBUILD_BUILD_HOST=lguest KBUILD_BUILD_VERSION=1 \
		KBUILD_BUILD_TIMESTAMP="@$(stat -c %Y $tarball)" LOCALVERSION= -j"$jobs" vmlinux modules \
		2>"$obj/build.err" | while read -r line; do
		echo "$line" >&3
		case $line in
		"CC "*|"AS "*|"AR "*) n=$((n + 1)) ;;
		*) continue ;;
		esac
		if [ -t 2 ]; then printf '\rguest kernel: %d of about %d objects, %d s ' $n $objects $((SECONDS - start)) >&2
		elif [ $((n % 200)) = 0 ]; then say "$n of about $objects objects, $((SECONDS - start)) s"; fi
	done 3>"$obj/build.log" || status=$?
	[ -t 2 ] && printf '\n' >&2
	[ $status = 0 ] || { tail -20 "$obj/build.err" >&2; die "the build failed: $obj/build.log has the whole story"; }
	"$here/privscan" "$obj/vmlinux" "$here/privscan.allow" >&2 || die "privileged instructions that no hook covers"
	say "built in $((SECONDS - start)) s"
}

# bare_programs DIR...: take from programs what tells where they were built: lines for a debugger, and an id of these
bare_programs() {
	local f
	find "$@" -type f -perm -u=x | while read -r f; do
		if readelf -h "$f" >/dev/null 2>&1; then strip --strip-unneeded -R .note.gnu.build-id "$f"; fi
	done
}

# headers TREE OBJ: what modules are built against, as a tar on stdout: the same files as Debian's linux-headers packages have
headers() {
	local stage=$2.headers
	rm -rf "$stage"
	mkdir -p "$stage"
	(cd "$1" && {
		find . arch/x86 -maxdepth 1 -name 'Makefile*'
		find include scripts arch/x86/include -type f -o -type l
		find arch/x86 -name Kbuild.platforms -o -name Platform
	} | cpio --quiet -pdm "$stage")
	(cd "$2" && {
		echo tools/objtool/objtool
		find arch/x86/include Module.symvers include scripts -type f ! -name '*.cmd' ! -name '*.[os]'
		echo .config
	} | cpio --quiet -pdmu "$stage")
	bare_programs "$stage/scripts" "$stage/tools"
	tar -C "$stage" --sort=name --owner=0 --group=0 --numeric-owner --mode=go=rX --mtime="@$(stat -c %Y $tarball)" -c . | xz -2
	rm -rf "$stage"
}

if [ "${1:-}" = --dev ]; then
	tree=$(cd "${2:?--dev needs a kernel tree}" && pwd)
	need_packages
	sync_file "$abi" "$tree/include/uapi/linux/lguest.h"
	compile "$tree" "$tree.build"
	echo "$tree.build/vmlinux"
	exit
fi
[ $# = 0 ] || die "usage: build.sh [--dev DIR]"

need_packages
hash=$({ dpkg-query -W -f '${Version}\n' linux-source-6.1; gcc --version | head -1; ld --version | head -1; \
	cat "$here"/patches/*.patch "$here"/{config,build.sh,privscan,privscan.allow} "$abi"; } | sha256sum | cut -c1-16)
out=$cache/guest-$hash
if [ ! -e "$out/vmlinux" ]; then
	mkdir -p "$cache"
	exec 9>"$cache/guest.lock"
	flock 9
	if [ ! -e "$out/vmlinux" ]; then	# another run may have built it while we waited
		prepare "$cache/guest-source"
		compile "$cache/guest-source" "$cache/guest-objects" 9>&-
		rm -rf "$out.new"
		mkdir -p "$out.new"
		cp "$cache/guest-objects"/{vmlinux,System.map,.config,modules.builtin,modules.builtin.modinfo} "$out.new/"
		cp "$cache/guest-objects/include/config/kernel.release" "$out.new/release"
		stat -c %Y $tarball >"$out.new/time"
		headers "$cache/guest-source" "$cache/guest-objects" >"$out.new/headers.tar.xz" 9>&-
		mv "$out.new" "$out"
	fi
fi
echo "$out/vmlinux"
