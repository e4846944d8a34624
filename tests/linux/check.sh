#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The Linux guest in the test host: builds what is missing, then prints TAP.
#
#	check.sh 'HOST OPTIONS' WHAT [N]	WHAT is a command of host.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
B=build/release
work=build/linux
options=$1
shift
mkdir -p $work
vmlinux=$(guest/build.sh)
noise='dmesg | grep -iE "warning|bug:|oops|RIP: 0010|unable to handle" && { echo "FAIL kernel: its log has the above"; exit 1; }'
guest/mkinitramfs.sh -o $work/selftest.cpio -f $B/selftest:/bin/selftest -c "selftest; s=\$?; $noise; exit \$s"
guest/mkinitramfs.sh -o $work/load.cpio -f $B/selftest:/bin/selftest -c "selftest forks cow avx registers churn; exit \$?"
guest/mkinitramfs.sh -o $work/seven.cpio -c 'exit 7'
files=("$vmlinux" $work/{selftest,load,seven}.cpio kmod/lg.ko tests/linux/host.sh)
for p in lguest-run lguest-core lguest-console lguest-block lguest-net; do files+=($B/$p); done
# The emulator's clock may run behind: hrtimer says so, and no complaint of the guest's or the module's is meant.
exec tests/host/run --dmesg-clean --mem 768 $options "${files[@]/#/--file=}" -- "sh /host.sh $*"
