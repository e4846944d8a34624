#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# module.sh debug|6.1|6.12|7.3: build lg.ko for that host in a folder of its own, build/debug/HOST, and print its path. For the debug host with
# UBSAN in it. What is there already, of the same source and kernel, is not built again; who calls beside another waits.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/module.sh
work=build/debug/$1
[ "$1" != debug ] || MODULE_FLAGS=UBSAN_SANITIZE=y
mkdir -p "$work"
exec 9>"$work/lock"
flock 9
key=$({ tests/host/headers.sh "$1"; gcc --version; ld --version; echo "${MODULE_FLAGS-}"; cat "$0" tests/lib/module.sh
	find kmod \( -name '*.[chS]' -o -name Kbuild \) ! -name '*.mod.c' -print0 | sort -z | xargs -0 sha256sum; } | sha256sum)
if [ "$key" = "$(cat "$work/key" 2>/dev/null)" ]; then
	echo "$PWD/$work/src/kmod/lg.ko"
	exit
fi
rm -f "$work/key"
module "$1" || { tail -n 15 "$work/log" >&2; exit 1; }
echo "$key" >"$work/key"
echo "$PWD/$work/src/kmod/lg.ko"
