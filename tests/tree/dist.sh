#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The tarball of `make dist`, unpacked in an empty folder that is no git checkout: does it build, check, tell its journey and install
# there, and is it the same when made twice? TAP on standard output; what was said is on standard error. It may write in one temporary folder.
set -u
cd "$(dirname "$0")/../.." || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export GIT_CEILING_DIRECTORIES=$work	# no checkout above it counts
unset MAKEFLAGS MAKELEVEL MFLAGS
step() { # step NAME COMMAND...
	local name=$1; shift
	if "$@" >"$work/log" 2>&1; then echo "ok dist: $name"; return 0; fi
	echo "not ok dist: $name"; tail -n 15 "$work/log" >&2; return 1
}
tar=$(scripts/dist "$work/one") && scripts/dist "$work/two" >"$work/log"
step "made twice, it is the same" cmp "$tar" "$work/two/${tar##*/}"
mkdir "$work/tree" && tar -C "$work/tree" --strip-components=1 -xf "$tar" && cd "$work/tree" || exit 1
step "make" make -j2 all
step "make check-unit-vq" make check-unit-vq
step "make journey" sh -c 'make journey | grep -q "Mastery"'
step "make journey HTML=" sh -c 'make journey HTML="$1" && grep -q "<h3 id=H100>" "$1"' sh "$work/journey.html"
step "make journey --check" scripts/journey --check
step "make install" make install DESTDIR="$work/root"
step "every program was installed" sh -c 'for p in run core $(cd devices && ls -d */build.mk | sed s,/.*,,); do [ -x "$1/usr/local/bin/lguest-$p" ] || exit 1; done' sh "$work/root"
