#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# `make run`: build everything that a Linux guest needs and start one, on this machine's /dev/lguest where there is
# one, in the emulated test host otherwise.
#
#   run.sh             a shell in the guest
#   run.sh COMMAND     run COMMAND in the guest, print what it prints, exit with its status
#
# The first run installs packages (scripts/deps.sh) and builds for some minutes; later ones find all of it made. It
# may write below build/ and the cache only; messages go to stderr, so that stdout is the command's.
set -euo pipefail

cd "$(dirname "$0")/.."
B=build/release
work=build/run
memory=${MEMORY:-256}
say() { echo "run: $*" >&2; }
die() { say "$*"; exit 105; }

build() {
	local log=$work/build.log
	mkdir -p "$work"
	scripts/deps.sh build devices kmod host guest >&2 || die "cannot go on without these packages"
	say "programs and module"
	make -s -j2 launch-programs module >"$log" 2>&1 || { tail -n 20 "$log" >&2; die "the build failed: $log has all of it"; }
	say "guest kernel"
	vmlinux=$(guest/build.sh) || die "the guest kernel could not be built"
	guest/mkinitramfs.sh -o "$work/initramfs" ${1:+-c "$1"} || die "the guest's file system could not be made"
}

# What lguest-run is given, in both places; $1 is the folder of kernel and initramfs.
options() {
	echo "--kernel $1/vmlinux --initrd $1/initramfs --memory $memory"
}

on_this_machine() {
	cp -u "$vmlinux" "$work/vmlinux"
	if [ -n "$command" ]; then exec "$B/lguest-run" $(options "$work") --cmdline quiet --log "$work/log"
	else exec "$B/lguest-run" $(options "$work"); fi
}

# In the test host the launcher's messages and the guest's early console go to a file, printed when something is wrong.
in_the_test_host() {
	local files=(--file "kmod/lg.ko:/lg.ko" --file "$vmlinux:/guest/vmlinux" --file "$work/initramfs:/guest/initramfs") p
	for p in lguest-run lguest-core lguest-console lguest-block lguest-net lguest-rng; do files+=(--file "$B/$p:/bin/lguest/$p"); done
	local start="insmod /lg.ko && /bin/lguest/lguest-run $(options /guest)"
	local host=(tests/host/run --mem $((memory * 2 + 512)) "${files[@]}")
	say "this machine has no /dev/lguest: starting the emulated host"
	if [ -n "$command" ]; then
		exec "${host[@]}" --timeout "${TIMEOUT:-300}" -- \
			"$start --cmdline quiet --log /log </dev/null; s=\$?; [ \$s -lt 100 ] || cat /log; exit \$s"
	fi
	say "three times ctrl-C leaves the guest"
	exec "${host[@]}" --shell -- "$start; reboot -f"
}

command=${1-}
unset CMD MAKEFLAGS MFLAGS MAKELEVEL
build "$command"
if [ -c /dev/lguest ]; then on_this_machine; else in_the_test_host; fi
