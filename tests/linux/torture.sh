#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# torture.sh DIR: the kernel's torture.c and locktorture.c, which the guest's configuration leaves out, built as modules of the guest kernel that
# the tree has (headers and source in the cache, as guest/build.sh leaves them; VMLINUX: another that lies there), into DIR. rcutorture cannot be one: what it asks the kernel for
# is only there in a kernel that is configured with it.
set -euo pipefail
cd "$(dirname "$0")/../.."
to=$(realpath "$1")
kernel=$(dirname "$(guest/kernel.sh)")
source=$(dirname "$kernel")/guest-source
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/headers" "$work/t"
tar -C "$work/headers" -xf "$kernel/headers.tar.xz"
mkdir -p "$work/t/rcu"
cp "$source/kernel/torture.c" "$source/kernel/locking/locktorture.c" "$work/t"
cp "$source/kernel/rcu/rcu.h" "$work/t/rcu"
echo 'obj-m := torture.o locktorture.o' >"$work/t/Kbuild"
make -s -C "$work/headers" M="$work/t" modules >&2
cp "$work/t/"{torture,locktorture}.ko "$to"
