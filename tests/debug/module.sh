#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# module.sh debug|6.1|6.12 [SOURCE [FOLDER]]: build lg.ko from SOURCE (default: kmod/) in a folder of its own (default build/debug/HOST) for
# that host and print its path. For the debug host with UBSAN in it.
set -eu
cd "$(dirname "$0")/../.."
host=$1 source=${2:-kmod} into=${3:-build/debug/$1}
mkdir -p "$into"
root=$PWD
(cd "$source" && find . \( -name '*.[chS]' -o -name 'Kbuild*' \) ! -name '*.mod.c' | cpio --quiet -pdmu "$root/$into")
[ "$host" = debug ] && more=UBSAN_SANITIZE=y || more=
make -s -C "$(tests/host/headers.sh "$host")" M="$PWD/$into" $more modules >"$into/build.log" 2>&1 || { tail -n 15 "$into/build.log" >&2; exit 1; }
echo "$into/lg.ko"
