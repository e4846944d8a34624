#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Scripts of host/, one after the other in one test host, with the launcher, a Linux guest and the probe kernel beside
# them; their TAP on standard output.
#
#	run.sh 'HOST OPTIONS' 'SCRIPT [ARG...]'...
#
# The Linux kernel is the real one but for one system call: sethostname() turns interrupts off and spins (spinning.py).
set -euo pipefail
cd "$(dirname "$0")/../.."
options=$1; shift
kernel=$(mktemp)
trap 'rm -f "$kernel"' EXIT
tests/launch/spinning.py "$(guest/build.sh)" "$kernel"
args=(--file "$kernel:/launch/vmlinux")
for f in build/release/{probe,leave} tests/launch/host/*.sh; do args+=(--file "$f:/launch/${f##*/}"); done
for guest in many faults; do args+=(--guest $guest.cpio "=$(cat tests/launch/guest/$guest.guest)"); done
tests/host/run --lguest /launch --dmesg-clean --mem 768 $options "${args[@]}" -- "s=0; $(printf 'sh /launch/%s || s=1; ' "$@")exit \$s"
