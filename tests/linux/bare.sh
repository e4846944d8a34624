#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The guest kernel on a bare machine of two CPUs (QEMU boots it through PVH): the checks of selftest.c in its user space, a CPU that goes off and
# comes back, and a log without a complaint. Prints TAP. No guest passes the code that starts such a machine.
#
# VMLINUX: another guest kernel
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/tap.sh
. tests/linux/bare-machine.sh
scripts/deps.sh guest host >&2
vmlinux=$(guest/kernel.sh)
mkdir -p build/linux
work=$(mktemp -d build/linux/bare-XXXXXX)
trap 'rm -rf "$work"' EXIT
cat >"$work/checks" <<'END'
echo
selftest; s=$?
[ $(nproc) = 2 ] && echo 0 >/sys/devices/system/cpu/cpu1/online && [ $(nproc) = 1 ] && echo 1 >/sys/devices/system/cpu/cpu1/online && [ $(nproc) = 2 ] || { echo 'not ok a CPU off and on'; s=1; }
dmesg | grep -iE 'warning|bug:|oops|RIP: 0010|unable to handle|unchecked MSR|detected stall|rcu.* stall|lockup' && s=1
echo "<1>status $s" >/dev/kmsg	# which the reset waits for
END
guest/mkinitramfs.sh -o "$work/initramfs" -f build/release/selftest:/bin/selftest -f "$work/checks":/checks -c 'sh /checks'
(bare_machine "$vmlinux" "$work/initramfs" 256 2 900 max,-smap) | tr -d '\r' >"$work/out" || true
sed -nE 's/^ok /ok linux: bare: /p; s/^not ok /not ok linux: bare: /p' "$work/out"
if grep -q '\] status 0$' "$work/out"; then echo 'ok linux: bare: status and log'
else
	quoted "$work/out"
	echo 'not ok linux: bare: status and log'
	exit 1
fi
