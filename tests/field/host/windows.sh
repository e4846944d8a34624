# SPDX-License-Identifier: GPL-2.0
#
# Runs in the test host: a guest whose devices have windows of the sizes in $1, KiB each, one disk for each size; then the least of
# every other device. TAP on standard output.
. "$(dirname "$0")/lib.sh"
load 1
modprobe loop
disks=
dd if=/dev/urandom of=master bs=1M count=8 2>/dev/null
for w in $1; do
	cp master disk.$w
	disks="$disks --block disk.$w,window=${w}K"
done
mkdir -p extra && md5sum <master >extra/sum
(cd extra && echo sum | cpio -o -H newc 2>/dev/null) >sum.cpio
cat initramfs sum.cpio >initrd
: >console
lguest-run --kernel vmlinux --initrd initrd --memory 128M --cmdline quiet $disks --$bare --net tap0,window=2M --console console,window=1280K >$out 2>$err </dev/null &
run=$!
until grep -q 'guest: all is well\|guest: not ok\|Kernel panic' console $err || ! kill -0 $run 2>/dev/null; do sleep 1; done
within 20 sh -c "! kill -0 $run 2>/dev/null" || kill $run
wait $run; s=$?
for w in $1; do
	disk=$(printf 'vd%b' "\\$(printf '%03o' $((97 + ${n:-0})))"); n=$((${n:-0} + 1))
	grep -q "guest: $disk done" console && ! grep -q "not ok $disk" console
	check $? "a disk with a window of $w KiB: the right data, and an end"
done
[ $s = 0 ] && grep -q 'guest: all is well' console
check $? "console of 1280 KiB, net of 2048, random numbers of 256 (status $s)"
[ $s = 0 ] || grep -v '^[0-9]*$' console | tail -n 30 | quoted
rmmod lg
check $? "the module unloads"
