#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# torture.sh DIR: the kernel's torture.c, locktorture.c and rcutorture.c, which the guest's configuration leaves out, built as modules of the guest
# kernel that the tree has (headers and source in the cache, as guest/build.sh leaves them; VMLINUX: another that lies there), into DIR. One
# function that they want is only there in a kernel that is configured with them: torture.ko brings it.
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
cat >>"$work/t/torture.c" <<'EOF'
long torture_sched_setaffinity(pid_t pid, const struct cpumask *mask)
{
	struct pid *p = find_get_pid(pid);
	struct task_struct *task = get_pid_task(p, PIDTYPE_PID);
	long err = task ? set_cpus_allowed_ptr(task, mask) : -ESRCH;

	if (task)
		put_task_struct(task);
	put_pid(p);
	return err;
}
EXPORT_SYMBOL_GPL(torture_sched_setaffinity);
EOF
cat >"$work/t/affinity.h" <<'EOF'
#include <linux/pid.h>
#include <linux/sched/task.h>
#define rcutorture_sched_setaffinity torture_sched_setaffinity	/* 6.1 */
long torture_sched_setaffinity(pid_t pid, const struct cpumask *mask);
EOF
printf '%s\n' 'obj-m := torture.o locktorture.o rcutorture.o' 'ccflags-y := -include $(src)/affinity.h' >"$work/t/Kbuild"
make -s -C "$work/headers" M="$work/t" modules >&2
cp "$work/t/"{torture,locktorture,rcutorture}.ko "$to"
