# SPDX-License-Identifier: GPL-2.0
#
# Runs in the guests of rates.sh: for each line typed, "RW SIZE SECONDS", fio on the disk with requests of SIZE bytes; it answers with
# "did BYTES REQUESTS MILLISECONDS". What a bucket had saved up goes in the first two seconds, which do not count. "begun" comes when it has read 16 MiB, more
# than was saved up of any bound here. "stop" ends the guest.
PATH=/bin
export LD_LIBRARY_PATH=/fio
stty -echo
dmesg -n 1
[ ! -e /sys/class/net/eth0 ] || { ip link set eth0 up && ip addr add 10.77.0.2/24 dev eth0; }
sectors() { awk '{ print $3 }' /sys/block/vda/stat; }
echo ready
while read -r rw size seconds; do
	[ "$rw" != stop ] || exit 0
	was=$(sectors)
	(until [ $(($(sectors) - was)) -ge 32768 ]; do sleep 1; done; echo begun) &
	/fio/ld.so /fio/fio --name=t --filename=/dev/vda --rw=$rw --bs=$size --ioengine=libaio --iodepth=8 --direct=1 --time_based --runtime=$seconds \
		--ramp_time=2 --eta=never --output-format=terse --terse-version=3 --output=/tmp/o
	# KiB and requests are fields 6 and 8 (reads) or 47 and 49 (writes) of terse 3; the time is 9 or 50, in ms
	awk -F';' -v w=$rw '$1 == 3 { i = w ~ /read/ ? 6 : 47; printf "did %d %d %d\n", $i * 1024, $(i + 3) / 1000 * $(i + 2), $(i + 3) }' /tmp/o
	kill $! 2>/dev/null
done
