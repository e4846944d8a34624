#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# inhost.sh COMMAND...: runs in the test host beside lg.ko: loads the module, runs COMMAND, unloads it, and looks at what the kernel's
# checkers say: its log (with `run --dmesg-clean` outside), taints, and leaks of memory (on the debug host). TAP on standard output.
cd "$(dirname "$0")" || exit 2
. /test/tap.sh

insmod ./lg.ko; check $? "module: loads"
taint=$(cat /proc/sys/kernel/tainted)
sh ./leaks.sh clear
"$@" || failed=1
rmmod lg; check $? "module: unloads"
[ "$(cat /proc/sys/kernel/tainted)" = "$taint" ]; check $? "kernel: not tainted by what ran"
sh ./leaks.sh look || failed=1
exit $failed
