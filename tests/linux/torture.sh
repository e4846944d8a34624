#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# torture.sh DIR: the kernel's torture.c, locktorture.c and rcutorture.c, which the guest's configuration leaves out, built as modules of the guest
# kernel that the tree has (headers and source in the cache, as guest/build.sh leaves them; VMLINUX: another that lies there), into DIR. Of what
# rcutorture asks for, one function is only there in a kernel that is configured with it: a thread binds itself to a CPU, for which
# modules have set_cpus_allowed_ptr().
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
cp "$source/kernel/"{torture,locking/locktorture,rcu/rcutorture}.c "$source/kernel/rcu/rcu.h" "$work/t"
cp "$source/kernel/rcu/rcu.h" "$work/t/rcu"
printf '%s\n' '#include <linux/sched.h>' '#define rcutorture_sched_setaffinity(pid, mask) set_cpus_allowed_ptr(current, mask)' >"$work/t/affinity.h"
printf '%s\n' 'obj-m := torture.o locktorture.o rcutorture.o' 'CFLAGS_rcutorture.o := -include $(src)/affinity.h' >"$work/t/Kbuild"
make -s -C "$work/headers" M="$work/t" modules >&2
cp "$work/t/"{torture,locktorture,rcutorture}.ko "$to"
