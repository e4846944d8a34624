#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# linux.sh LG.KO PROGRAMS-FOLDER BENCH: what system calls, faults, forks and booting cost a Linux guest, beside the same kernel booted
# bare, in instructions: both under QEMU's -icount, where a TSC tick is an instruction. Prints a table with the ratios.
set -euo pipefail
ko=$1 programs=$2 bench=$3
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'cat "$work"/bare "$work"/guest >&2' ERR

vmlinux=$("$here/../../guest/build.sh")
"$here/../../guest/mkinitramfs.sh" -o "$work/initramfs" -f "$bench:/bin/bench" -c bench

timeout 300 qemu-system-x86_64 -M microvm,acpi=off -accel tcg -cpu max,la57=off -icount shift=0,sleep=off -rtc clock=vm -seed 1 -m 256 \
	-nodefaults -no-user-config -no-reboot -display none -serial stdio -kernel "$vmlinux" -initrd "$work/initramfs" \
	-append "console=ttyS0 reboot=t panic=-1 tsc=reliable tsc_early_khz=1000000 quiet" </dev/null | tr -d '\r' >"$work/bare"

files=(--file "$ko:/lg.ko" --file "$vmlinux:/guest/vmlinux" --file "$work/initramfs:/guest/initramfs")
for p in lguest-run lguest-core lguest-console lguest-block lguest-net; do files+=(--file "$programs/$p:/bin/lguest/$p"); done
"$here/../host/run" --icount --mem 1024 --timeout 600 "${files[@]}" -- "insmod /lg.ko && /bin/lguest/lguest-run --kernel /guest/vmlinux \
	--initrd /guest/initramfs --memory 256 --cmdline quiet --log /log </dev/null" |
	tr -d '\r' >"$work/guest"

printf '%-10s %12s %12s %8s\n' '' bare lguest ratio
awk '$1 != "bench" { next } FNR == NR { bare[$2] = $3; next }
	$2 in bare { printf "%-10s %12d %12d %8.2f\n", $2, bare[$2], $3, $3 / bare[$2]; n++ }
	END { exit n ? 0 : 1 }' "$work/bare" "$work/guest" || { cat "$work/bare" "$work/guest" >&2; exit 1; }
