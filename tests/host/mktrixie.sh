#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# mktrixie.sh: put a program of Debian 13, which the release that this project is built on does not have, into a folder of its own, once, and
# print the folder. The packages are unpacked, not installed, from this machine's own mirror.
#
#	mktrixie.sh NAME 'PROGRAM...' PACKAGE...	PROGRAM: its path below /usr in the packages, all of which are named, their libraries' too
#
# FOLDER/PROGRAM's-name starts it with trixie's own C library; FOLDER/root is what was unpacked. Writes in the cache folder only; needs no root.
set -eu
. "$(dirname "$0")/lib.sh"
name=$1 programs=$2; shift 2

key=$({ cat "$0" "$HOSTDIR/lib.sh"; echo "$name $programs $*"; } | hash_of)
dir=$CACHE/$name/$key
[ -f "$dir/made" ] && { echo "$dir"; exit 0; }
deps build
lock "$name"
[ -f "$dir/made" ] && { echo "$dir"; exit 0; }
scratch
mkdir -p "$CACHE/$name"
private_apt trixie deb
new=$SCRATCH/new
# The release by name: what is installed here may be of another
fetch "$new/root" $(printf '%s/trixie ' "$@") || die "cannot download $name from Debian trixie: check this machine's package mirror"
for program in $programs; do
	[ -x "$new/root/usr/$program" ] || die "the packages $* have no /usr/$program"
	start_by "$new/root/usr/lib/x86_64-linux-gnu" "$new/root/usr/$program" "$new/${program##*/}"
done
rm -rf "$dir"
mv "$new" "$dir"
for program in $programs; do
	"$dir/${program##*/}" --version >&2 || die "${program##*/} does not start from $dir"
done
: > "$dir/made"
echo "$dir"
