#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The Linux guest in the test host: builds what is missing, then prints TAP.
#
#	check.sh 'HOST OPTIONS' 'WHAT [N]'...	WHAT is a command of host.sh; one after the other in one host. On the debug host (--kernel debug)
#						it is looked for leaks behind all
#
# VMLINUX: another guest kernel; ROUNDS, MIB: of the guest that gives memory back
set -euo pipefail
cd "$(dirname "$0")/../.."
B=build/release
options=$1
shift
mkdir -p build/linux
work=$(mktemp -d build/linux/run-XXXXXX)	# runs may be at work at the same time
trap 'rm -rf "$work"' EXIT
scripts/deps.sh guest host >&2

# The module for another kernel is built elsewhere: the one in kmod/ stays what it is. A copy, since runs may be at work for a long time
module=kmod/lg.ko
for kernel in 6.12 7.3 debug; do
	case $options in *"--kernel $kernel"*) module=$(tests/debug/module.sh $kernel) ;; esac
done
cp $module $work/lg.ko
noise='dmesg | grep -iE "warning|bug:|oops|RIP: 0010|unable to handle|unchecked MSR" && { echo "not ok kernel: its log has the above"; exit 1; }'
mkdir $work/known.d
echo known >$work/known.d/known
truncate -s 4M $work/disk.ext4 && mke2fs -q -t ext4 $work/disk.ext4
mksquashfs $work/known.d $work/disk.squashfs -comp zstd -quiet -no-progress >&2
guest/mkinitramfs.sh -o $work/features.raw -f tests/lib/tap.sh:/tap.sh -f tests/linux/guest/features.sh:/features.sh -f $work/disk.ext4:/lguest/disk.ext4 \
	-f $work/disk.squashfs:/lguest/disk.squashfs -c 'sh /features.sh'
zstd -q -19 -o $work/features.cpio $work/features.raw
case " $* " in
*' modules '*) modules=(--guest modules.cpio tests/lib/tap.sh:/tap.sh tests/linux/guest/modules.sh:/modules.sh '=sh /modules.sh')
	for f in $(tests/linux/module.sh "$work/module"); do modules+=("$f:/lguest/${f##*/}"); done ;;
*) modules=() ;;
esac
nm "$(guest/kernel.sh)" | awk '$3 == "_text" { from = $1 } $3 == "_end" { to = $1 } END { print from, to }' >$work/range
head -c 3000000 </dev/urandom >$work/known
md5sum <$work/known >$work/known.md5
# The emulator's clock may run behind: hrtimer says so, and no complaint of the guest's or the module's is meant.
tests/host/run --lguest / --linux --dmesg-clean --mem 768 $options --file $work/lg.ko --file $work/range --file $work/features.cpio --file $B/selftest \
	--guest selftest.cpio $B/selftest:/bin/selftest "=selftest; s=\$?; $noise; exit \$s" \
	--guest load.cpio $B/selftest:/bin/selftest '=selftest forks cow avx registers churn; exit $?' \
	--guest seven.cpio '=exit 7' --guest nap.cpio '=sleep 1; exit 7' --guest shell.cpio \
	--guest report.cpio tests/lib/tap.sh:/tap.sh tests/linux/guest/report.sh:/report.sh "=stty -echo; sh /report.sh ${ROUNDS:-2} ${MIB:-128}" \
	--guest userland.cpio tests/lib/tap.sh:/tap.sh tests/linux/guest/userland.sh:/userland.sh $work/known:/lguest/known $work/known.md5:/lguest/known.md5 '=sh /userland.sh' \
	"${modules[@]}" --file tests/linux/host/host.sh --file tests/debug/leaks.sh -- "sh /leaks.sh clear; s=0; $(printf 'sh /host.sh %s || s=1; ' "$@")sh /leaks.sh look || s=1; exit \$s"
