#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# `make linux-stress`: stress-ng, one stressor after the other by class, each with its own verification, run by the guest kernel on a bare
# machine (QEMU) and as a guest in the test host. Prints TAP: a stressor fails where guest and bare machine differ and stress.known does not say
# why they may. What both cannot or both fail is the kernel's or the emulator's own affair and is counted only.
#
#	stress.sh [CLASS...]	of stress-ng's; $classes without
#
# LONG: seconds for each stressor (10); SERIES, VMLINUX: another guest kernel (guest/kernel.sh); CPUS: of both machines (2); with 1 they run side by side.
# It may write below build/linux only. The whole of both outputs stays there: stress-SERIES.bare, stress-SERIES.guest.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/libraries.sh
. tests/linux/bare-machine.sh
classes='vm memory scheduler interrupt os filesystem network security'
[ $# = 0 ] || classes=$*
# Those that end the machine, or fill it until it kills what runs the others
left_out='bad-ioctl|bigheap|brk|cpu-online|dev|oom-pipe|physpage|ramfs|reboot|resources|sysinval|watchdog'
scripts/deps.sh guest host stress >&2
vmlinux=$(guest/kernel.sh)
series=$(cat "${vmlinux%/*}/release")
series=${series%.*}
work=build/linux/stress-$series
mkdir -p "$work"
# CLASS/NAME, each under the first class that has it
for c in $classes; do stress-ng --class "$c?" | sed 's/^.*: //' | tr ' ' '\n' | sed "s,^,$c/,"; done |
	awk -F/ -v out="^($left_out)\$" 'NF == 2 && $2 != "" && !($2 in seen) && $2 !~ out { print; seen[$2] }' >"$work/list"
[ -s "$work/list" ] || { echo "stress: stress-ng has none of the classes $classes" >&2; exit 1; }
count=$(wc -l <"$work/list") seconds=${LONG:-10} cpus=${CPUS:-2} memory=512
echo "# $count stressors, $seconds s each" >&2
files=()
while read -r f; do files+=(-f "$f"); done < <(with_libraries "$(command -v stress-ng)" /stress)
guest/mkinitramfs.sh -o "$work/initramfs" "${files[@]}" -f "$work/list:/stress/list" -f tests/linux/guest/classes.sh:/classes.sh -c "sh /classes.sh $seconds; exit 0"
limit=$((count * (seconds + 20) + 600)) failed=0
echo "# bare" >&2
bare_machine "$vmlinux" "$work/initramfs" $memory "$cpus" $limit >"$work.bare" & machine=$!
trap '[ -z "$machine" ] || kill $machine' EXIT
# One emulator's thread for each CPU: with one, both machines have a processor of their own here
[ "$cpus" = 1 ] || { wait $machine || true; machine=; }
echo "# guest" >&2
tests/host/run --lguest / --smp "$cpus" --mem 1280 --timeout $limit --silence 900 --dmesg-clean --file "$vmlinux:/vmlinux" --file "$work/initramfs" \
	-- "insmod /lg.ko && /lguest-run --kernel /vmlinux --initrd /initramfs --memory $memory --cpus $cpus --cmdline quiet --log /log </dev/null || cat /log" \
	>"$work.guest" || { echo "not ok stress: the test host's own end or its log: see $work.guest"; failed=1; }
[ -z "$machine" ] || wait $machine || true
machine=
# Where hardly anything could run, nothing was compared
ran=$(awk '/^SKIP/ { n-- } /^=== end .* 0\r?$/ { n++ } END { print n + 0 }' "$work.guest") status=$failed
[ $((ran * 2)) -ge "$count" ] || { echo "not ok stress: only $ran of $count stressors ended well in the guest"; status=1; }
tests/linux/selftests-compare "$work.bare" "$work.guest" tests/linux/stress.known || status=1
exit $status
