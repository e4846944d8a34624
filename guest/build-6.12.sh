#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Builds the second guest kernel, of Debian's linux-source-6.12, and prints its path, as build.sh does for 6.1. What
# the two have in common exists once: this puts a series' folder together and runs the copy of build.sh in it.
#
#	patches-6.12/NAME	replaces of patches/NAME what concerns the same files; a NAME of its own comes on top
#	config-6.12		lines of config that have another value or name ("-CONFIG_X" takes one away)
#	privscan-6.12.allow	more of privscan.allow
#
# Patches apply by their whole context (patch -F0): with less of it, patch(1) once put a jump into another way out of the kernel.
#
# build.sh is in the key of 6.1's kernel, so that what is new for 6.12 lies outside of it. Source, objects, lock and results
# are in the folder series-6.12 of the cache: neither kernel's build can touch the other's.
#
#   build-6.12.sh             build, or find in the cache
#   build-6.12.sh --stage DIR    only put the folder together, as DIR/guest
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
cache=${LGUEST_CACHE:-$HOME/.cache/lguest}

die() { echo "guest kernel 6.12: $*" >&2; exit 1; }

# without PATCH OTHER: PATCH, less the files that OTHER touches
without() {
	awk 'function name(line) { sub(/^diff --git a\//, "", line); sub(/ b\/.*/, "", line); return line }
	FNR == NR { if (/^diff --git /) taken[name($0)] = 1; next }
	/^diff --git / { off = name($0) in taken }
	!off' "$2" "$1"
}

merge_patches() {
	local f name
	mkdir "$1/patches"
	cp "$here"/patches/*.patch "$1/patches"
	for f in "$here"/patches-6.12/*.patch; do
		name=$(basename "$f")
		{ if [ -e "$here/patches/$name" ]; then without "$here/patches/$name" "$f"; fi; cat "$f"; } >"$1/patches/$name"
	done
}

merge_config() {
	local gone
	gone=$(sed -n 's/^-//p' "$here/config-6.12")
	{ grep -vE "^($(echo $gone | tr ' ' '|'))=" "$here/config"; grep -v '^-' "$here/config-6.12"; } >"$1/config"
}

# stage DIR: the folder as it would be if 6.12 were the only kernel
stage() {
	local guest=$1/guest
	mkdir -p "$guest" "$1/kmod/include/uapi/linux"
	merge_patches "$guest"
	merge_config "$guest"
	cat "$here"/privscan.allow "$here"/privscan-6.12.allow >"$guest/privscan.allow"
	cp "$here/privscan" "$guest"
	cp "$here/../kmod/include/uapi/linux/lguest.h" "$1/kmod/include/uapi/linux"
	sed 's/linux-source-6\.1\>/linux-source-6.12/g; s/patch -s /patch -s -F0 /' "$here/build.sh" >"$guest/build.sh"
	grep -q 'patch -s -F0 ' "$guest/build.sh" || die "build.sh no longer applies its patches by 'patch -s '"
	chmod +x "$guest/build.sh"
}

if [ "${1:-}" = --stage ]; then
	mkdir "${2:?--stage needs a folder that does not exist}" || die "cannot make $2"
	stage "$2"
	exit
fi
[ $# = 0 ] || die "usage: build-6.12.sh [--stage DIR]"

"$here/../scripts/deps.sh" guest guest-6.12 >&2 || die "install linux-source-6.12, and what build.sh needs"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
stage "$work"
LGUEST_CACHE=$cache/series-6.12 "$work/guest/build.sh"
