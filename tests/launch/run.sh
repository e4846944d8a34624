#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Scripts of host/, one after the other in one test host, with the launcher, a Linux guest and the probe kernel beside
# them; their TAP on standard output.
#
#	run.sh 'HOST OPTIONS' 'SCRIPT [ARG...]'...
#
# The Linux kernel is the real one but for one system call: sethostname() turns interrupts off and spins (spinning.py). It
# may write below build/ only.
set -euo pipefail
cd "$(dirname "$0")/../.."
B=build/release
options=$1
shift
mkdir -p build/launch
work=$(mktemp -d build/launch/run-XXXXXX)
trap 'rm -rf "$work"' EXIT
vmlinux=$(guest/build.sh)
tests/launch/spinning.py "$vmlinux" "$work/vmlinux"
for guest in many faults; do guest/mkinitramfs.sh -o "$work/$guest.cpio" -c "$(cat tests/launch/guest/$guest.guest)"; done
files=("$work/vmlinux" "$work/many.cpio" "$work/faults.cpio" "$B/probe" "$B/leave" tests/launch/host/*.sh)
args=(--file "$(command -v ip):/launch/tools/ip")	# busybox makes no tap for a user
for f in "${files[@]}"; do args+=(--file "$f:/launch/$(basename "$f")"); done
commands=
for c; do commands+="sh /launch/$c; "; done
tests/host/run --lguest /launch --dmesg-clean --mem 768 $options "${args[@]}" -- "$commands"
