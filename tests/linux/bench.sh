#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# bench.c in a guest in the test host, and in the same kernel booted bare: in instructions, by QEMU's -icount, which
# are the same on every run. Prints a table with the ratio.
set -euo pipefail
cd "$(dirname "$0")/../.."
B=build/release
mkdir -p build/linux
work=$(mktemp -d build/linux/bench-XXXXXX)
trap 'rm -rf "$work"' EXIT
vmlinux=$(guest/build.sh)
guest/mkinitramfs.sh -o $work/bench.cpio -f $B/linux-bench:/bin/linux-bench -c '/bin/linux-bench | sed "s/^/bench: /"'
tests/host/run --lguest / --linux --icount --mem 768 --pti off --file $work/bench.cpio "$@" -- \
	'insmod /lg.ko && /lguest-run --kernel /vmlinux --initrd /bench.cpio --memory 128 --cmdline quiet --log /log </dev/null' |
	tr -d '\r' | sed -n 's/^bench: //p' >$work/bench.guest
timeout 120 qemu-system-x86_64 -M microvm,acpi=off -accel tcg,thread=single -icount shift=0 -cpu max,-smap -m 128 -nodefaults \
	-no-reboot -display none -serial stdio -kernel "$vmlinux" -initrd $work/bench.cpio \
	-append 'console=ttyS0 reboot=t panic=-1 quiet tsc=reliable' </dev/null |
	tr -d '\r' | sed -n 's/^.*bench: //p' >$work/bench.bare
join <(sort $work/bench.bare) <(sort $work/bench.guest) |
	awk '{ printf "%-16s bare %8d  guest %8d  ratio %.2f\n", $1, $2, $3, $3 / $2; n++ } END { exit n < 8 }'
