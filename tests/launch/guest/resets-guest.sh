#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The first process of the guest of resets.sh, since guest/init would keep the console open: in each round the disk is written and verified, the host is pinged, the random device read and numbered lines
# printed; then each virtio driver is taken from its device and given back. Odd rounds make the disk write-through, even ones give it its cache back. Roles are killed
# all the while, also in the middle of a rebind. What was found goes to the second disk, since the console comes and goes too; there the
# host says "stop".
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
cd /tmp || exit 1
exec </dev/null >/tmp/log 2>&1
export LD_LIBRARY_PATH=/fio
ip link set lo up
dmesg -n 1
ip link set eth0 up
ip addr add 10.77.0.2/24 dev eth0
round=0 wrong=0 chosen=

bad() { echo "round $round: $*"; wrong=$((wrong + 1)); }

# report: the log so far, padded to what was longest
report() { { cat /tmp/log; echo "rounds $round wrong $wrong"; head -c 65536 /dev/zero; } | head -c 65536 | dd of=/dev/vdb bs=65536 conv=fsync,notrunc 2>/dev/null; }
told() { [ "$(dd if=/dev/vdb bs=4096 skip=32 count=1 iflag=direct 2>/dev/null | head -c ${#1})" = $1 ]; }

# rebind DRIVER [DEVICE]
rebind() {
	d=/sys/bus/virtio/drivers/$1
	dev=$2
	[ -n "$dev" ] || dev=$(cd $d && ls -d virtio[0-9]* | head -n 1)
	[ -n "$dev" ] || { bad "$1 has no device"; return; }
	echo $dev >$d/unbind || bad "$1 cannot be taken from $dev"
	echo $dev >$d/bind || bad "$1 cannot be given back to $dev"
}
disk=$(basename $(readlink -f /sys/block/vda/device))

write_and_verify() {
	[ -z "$chosen" ] || [ "$(cat /sys/block/vda/cache_type)" = "$chosen" ] || bad "behind the reset the disk is not '$chosen' any more"
	chosen="write back"
	[ $((round % 2)) = 0 ] || chosen="write through"
	echo "$chosen" >/sys/block/vda/cache_type || bad "the disk cannot be made $chosen"
	/fio/ld.so /fio/fio --name=round$round --filename=/dev/vda --size=$FIO_SIZE --rw=randwrite --bsrange=4k-64k --ioengine=libaio \
		--direct=1 --iodepth=16 --verify=crc32c --do_verify=1 --verify_fatal=1 --verify_state_save=0 --randseed=$round \
		--fsync=32 --output=fio.out || { bad "fio found an error"; tail -n 20 fio.out; }
	[ "$(cat /sys/block/vda/cache_type)" = "$chosen" ] || bad "the disk is not '$chosen' any more"
}

print_lines() {
	rm -f stop
	stty -F /dev/hvc0 raw -echo -onlcr || bad "no console"
	recover lines stop >/dev/hvc0 &
	sleep 1
	touch stop
	wait $! || bad "the console took not all lines"
}

until [ $round -ge $REBINDS ] && told stop; do
	round=$((round + 1))
	write_and_verify
	ping -c 3 -q -w 30 10.77.0.1 >/dev/null || bad "the host does not answer pings"
	[ "$(dd if=/dev/hwrng bs=16 count=4 2>/dev/null | wc -c)" = 64 ] || bad "no random bytes"
	print_lines
	report
	rebind virtio_blk $disk
	rebind virtio_net
	ip link set eth0 up
	ip addr add 10.77.0.2/24 dev eth0
	rebind virtio_console
	rebind virtio_rng
done
trouble='i/o error|error,|timeout| stall|needs? reset|blocked for|warning|bug:|oops|not a head'
dmesg | grep -iE "$trouble" | head -n 20
[ "$(dmesg | grep -ciE "$trouble")" = 0 ] || bad "errors in the guest's log"
report
echo $wrong >/sys/module/lguest/parameters/exit_status
poweroff -f
