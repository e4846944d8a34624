#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Prints the path of the guest kernel that a test or a command is about, built if it is not in the cache:
#
#	VMLINUX=FILE	that one
#	SERIES=6.12	the one of this series (`make linux-server SERIES=6.12`); 6.1 without
here=$(dirname "$0")
[ -z "${VMLINUX-}" ] || { echo "$VMLINUX"; exit; }
case ${SERIES:-6.1} in
6.1) exec "$here/build.sh" ;;
6.12) exec "$here/build-6.12.sh" ;;
*) echo "guest kernel: SERIES=$SERIES is none of 6.1, 6.12" >&2; exit 2 ;;
esac
