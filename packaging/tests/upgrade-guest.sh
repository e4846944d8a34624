# SPDX-License-Identifier: GPL-2.0
#
# The guest of systemd-host whose package is upgraded: fio writes its disk and verifies it, again and again, with another seed each time; numbered lines go to
# the console, each with the passes that were verified. What goes wrong is a line of another form.
PATH=/bin
export LD_LIBRARY_PATH=/fio
cd /tmp || exit 1
ip link set eth0 up
ip addr add 10.77.0.2/24 dev eth0
echo 0 >passes
verify() {
	n=0
	while n=$((n + 1)); do
		/fio/ld.so /fio/fio --name=pass --filename=/dev/vda --size=8M --rw=randwrite --bsrange=4k-64k --ioengine=libaio --direct=1 --iodepth=16 \
			--verify=crc32c --do_verify=1 --verify_fatal=1 --verify_state_save=0 --randseed=$n --fsync=64 --output=fio || { tail -n 20 fio >failed; return; }
		echo $n >passes.new && mv passes.new passes
	done
}
verify >said 2>&1 &
k=0
echo serving
while k=$((k + 1)); do
	[ ! -e failed ] || { cat failed said; exit 4; }
	echo "line $k, $(cat passes) passes verified"
	usleep 200000
done
