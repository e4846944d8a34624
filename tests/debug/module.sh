#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# module.sh debug|6.1|6.12|7.3: build lg.ko for that host in a folder of its own, build/debug/HOST, and print its path. For the debug host with
# UBSAN in it.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/module.sh
work=build/debug/$1
[ "$1" != debug ] || MODULE_FLAGS=UBSAN_SANITIZE=y
mkdir -p "$work"
module "$1" || { tail -n 15 "$work/log" >&2; exit 1; }
echo "$PWD/$work/src/kmod/lg.ko"
