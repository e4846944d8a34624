# SPDX-License-Identifier: GPL-2.0
#
# Runs in the test host: a guest on disks whose sectors, for the host, have 4096 bytes. TAP on standard output.
. "$(dirname "$0")/lib.sh"
load 0
modprobe loop
for d in a b; do dd if=/dev/urandom of=disk.$d bs=1M count=16 2>/dev/null; done
a=$(loop4k disk.a) && b=$(loop4k disk.b)
check $? "two loop devices of 4096-byte sectors: $a $b"
: >console
lguest-run --kernel vmlinux --initrd initramfs --memory 128M --cmdline quiet --block $a --block $b,direct --console console >$out 2>$err </dev/null &
run=$!
wait $run; s=$?
for d in vda vdb; do
	grep -q "guest: $d done" console && ! grep -q "not ok $d" console
	check $? "$d: partitions of blocks, single sectors, trimming"
done
[ $s = 0 ] && grep -q 'guest: all is well' console
check $? "no I/O error in the guest (status $s)"
[ $s = 0 ] || tail -n 30 console | quoted
losetup -d $a; losetup -d $b
rmmod lg
check $? "the module unloads"
