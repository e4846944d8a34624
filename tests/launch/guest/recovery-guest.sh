# SPDX-License-Identifier: GPL-2.0
#
# Runs in the guest of recovery.sh: fio writes the disk and verifies it, again and again; numbered lines go to the console; a
# clock of the highest priority looks for time that the vCPU was away. Each word typed ends a phase; "stop" ends all.
# What was found is printed when the console's lines have ended.
PATH=/bin
export LD_LIBRARY_PATH=/fio
cd /tmp || exit 1
stty -echo
dmesg -n 1
ip link set eth0 up
ip addr add 10.77.0.2/24 dev eth0

# One pass: every block written in pieces of all sizes, then read and verified; another seed for each pass, so that a block of
# the pass before is found out.
passes() {
	n=0
	while [ ! -e stop ]; do
		n=$((n + 1))
		/fio/ld.so /fio/fio --name=pass$n --filename=/dev/vda --size=$FIO_SIZE --rw=randwrite --bsrange=4k-64k --ioengine=libaio \
			--direct=1 --iodepth=16 --verify=crc32c --do_verify=1 --verify_fatal=1 --verify_state_save=0 --randseed=$n \
			--fsync=64 --output=fio.$n || { echo "fio: pass $n failed"; tail -n 20 fio.$n; return; }
	done
	echo "fio: $n passes without an error"
}
passes >fio.out 2>&1 &
fio=$!
mkfifo words
recover tick <words >ticks &
tick=$!
exec 3>words
recover lines stop &
lines=$!
while read -r word; do
	echo $word >&3
	[ $word != stop ] || break
done
touch stop
wait $fio
wait $lines
exec 3>&-
wait $tick
cat ticks fio.out
echo "errors in the guest's log: $(dmesg | grep -ciE 'i/o error|error,|timeout| stall|needs? reset|blocked for|warning|bug:|oops')"
dmesg | grep -iE 'i/o error|error,|timeout| stall|needs? reset|blocked for|warning|bug:|oops' | head -n 20
exit 0
