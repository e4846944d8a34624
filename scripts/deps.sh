#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Installs the Debian packages that a part of the project needs, by group:
#
#	scripts/deps.sh build host kmod		several groups
#	scripts/deps.sh all			every group but guest-6.12, which is 150 MB for a second guest kernel
#	scripts/deps.sh --list [GROUP...]	print the package names only
#
# It does nothing, quickly, when everything is there. It may install packages with apt-get, as root or through
# sudo; it may not remove or upgrade one, nor touch apt's configuration. Debian packages are the only source of
# software in this project: a script that needs a program names its package here.
set -eu

# A "|" between names means: the first one that this release of Debian has.
packages_of() {
	case $1 in
	build)	 echo gcc make pkg-config libc6-dev ;;
	host)	 echo bats procps qemu-system-x86 busybox-static xz-utils zstd kmod python3-minimal python3 ;;
	kmod)	 echo 'gcc-12|gcc-14' make libc6-dev libelf1 sparse linux-headers-amd64 ;;
	guest)	 echo gcc make flex bison bc perl libelf-dev libssl-dev xz-utils cpio kmod rsync patch python3 \
			  'linux-source-6.1|linux-source' busybox-static squashfs-tools e2fsprogs ;;
	guest-6.12) echo linux-source-6.12 ;;
	devices) echo gcc make pkg-config liburing-dev libseccomp-dev libmd-dev libjansson-dev libcriterion-dev iproute2 xfsprogs btrfs-progs socat ;;
	bochs)	 echo g++ make patch xz-utils libc6-dev dpkg-dev ;;
	fuzz)	 echo clang llvm libclang-rt-dev afl++ patch ;;
	stress)	 echo stress-ng ;;
	bench)	 echo fio qemu-utils qemu-system-common ;;
	model)	 echo spin gcc libc6-dev ;;
	lint)	 echo clang-tidy cppcheck shellcheck mandoc ;;
	deb)	 echo debhelper dh-dkms dpkg-dev lintian mmdebstrap bash-completion xz-utils ;;
	selftests) echo gcc make libc6-dev libcap-dev ;;
	interop) echo mmdebstrap xorriso squashfs-tools e2fsprogs qemu-system-x86 iproute2 python3-minimal ;;
	*)	 return 1 ;;
	esac
}
ALL='build host kmod guest devices bochs fuzz interop bench stress model lint deb selftests'

die() { echo "deps: $*" >&2; exit 1; }

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# Root runs apt-get itself; anybody else needs sudo, and is told so rather than asked for a password in a script.
as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"
	elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then sudo "$@"
	else die "cannot install packages as user $(id -un): run 'scripts/deps.sh $GROUPS_ASKED' as root"; fi
}

apt() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 "$@"; }

has_candidate() {
	apt-cache policy "$1" 2>/dev/null | grep -q '^  Candidate: [0-9]'
}

# Turns "a|b" into the alternative that is installed, or else the first that apt knows; prints the names to install.
missing_of() {
	for alternatives; do
		found= known=
		for p in $(echo "$alternatives" | tr '|' ' '); do
			if installed "$p"; then found=$p; break; fi
			if [ -z "$known" ] && [ "$alternatives" != "$p" ] && has_candidate "$p"; then known=$p; fi
		done
		[ -n "$found" ] || echo "${known:-${alternatives%%|*}}"
	done
}

list=
[ "${1-}" = --list ] && { list=1; shift; }
[ $# -gt 0 ] || set -- ${list:+all}
[ $# -gt 0 ] || die "no group named: choose from $ALL, or all"
[ "$*" != all ] || set -- $ALL
GROUPS_ASKED=$*

wanted=
for g; do
	names=$(packages_of "$g") || die "no group '$g': choose from $ALL, or all"
	wanted="$wanted $names"
done
wanted=$(printf '%s\n' $wanted | sort -u)
if [ -n "$list" ]; then printf '%s\n' "$wanted"; exit 0; fi
command -v apt-get >/dev/null || die "this is not a Debian system (no apt-get): install by hand: $(echo $wanted)"

missing=$(missing_of $wanted)
[ -n "$missing" ] || exit 0
exec 9<"$0"	# one at a time: apt-get does not wait for another's lists
flock 9
missing=$(missing_of $wanted)
[ -n "$missing" ] || exit 0

# Lists that do not know a package, or that name a version the mirror has replaced, are brought up to date once.
fresh=
refresh() {
	[ -z "$fresh" ] || return 1
	echo "deps: bringing the package lists up to date"
	apt update || die "apt-get update failed: check this machine's package mirror and its network"
	fresh=1
}
for p in $missing; do
	has_candidate "$p" || { refresh || true; break; }
done
missing=$(missing_of $wanted)
for p in $missing; do
	has_candidate "$p" || die "package $p is not in this machine's apt lists: add a Debian release that has it"
done
echo "deps: installing $(echo $missing)"
log=$(mktemp); trap 'rm -f "$log"' EXIT
install() { apt install --no-install-recommends --no-upgrade $missing >"$log" 2>&1; }
install || { refresh && install; } || {
	tail -n 20 "$log" >&2
	die "apt-get could not install $(echo $missing): its last lines are above"
}
