#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# headers.sh [6.1|6.12|7.3|debug]: print the KDIR to build a module for that test host's kernel with:
#
#	make -C "$(tests/host/headers.sh 6.1)" M=$PWD modules
#
# They are the headers of exactly the kernel that the host boots, unpacked beside it by mkhost.sh, not those installed here.
set -eu
. "$(dirname "$0")/lib.sh"

deps kmod
case ${1-} in
debug) dir=$("$HOSTDIR/../debug/mkdebug.sh") ;;
*) dir=$("$HOSTDIR/mkhost.sh" "${1:-6.1}") ;;
esac
echo "$dir/root/usr/src/linux-headers-$(cat "$dir/release")"
