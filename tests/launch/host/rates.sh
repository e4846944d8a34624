#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the test host, beside the programs and a guest with fio (rates-guest.sh): what a disk's bw= and iops= leave to a guest, alone
# and beside another guest, and that its network does not wait for its disk. TAP on standard output.
. "$(dirname "$0")/lib.sh"
tap_prefix="rates: "

# guest NAME KEYS OPTION...: a guest whose disk has KEYS; it reads what is written to descriptor 3 (a) or 4 (b)
guest() {
	local name=$1 keys=$2; shift 2
	truncate -s 64M disk.$name
	mkfifo keys.$name
	lguest-run --kernel vmlinux --initrd initramfs --memory 384 --cmdline quiet --block disk.$name,$keys --log log.$name "$@" <keys.$name >out.$name &
}
ready() { grep -q '^ready' out.$1; }
answers() { [ "$(grep -c '^did' out.$1)" -ge $2 ]; }
# rate NAME COLUMN: of the last answer, in a second
rate() { tr -d '\r' <out.$1 | awk -v c=$2 '/^did/ { r = int($c * 1000 / $4) } END { print r }'; }
# near WHAT VALUE BOUND: within 5 %
near() { [ "$2" -ge $(($3 * 95 / 100)) ] && [ "$2" -le $(($3 * 105 / 100)) ]; check $? "$1: $2 in a second, of $3"; }
bounded() { [ "$(grep -c '^begun' out.a)" -ge $1 ]; }
# pings: 50 of guest a's, sorted, in milliseconds: the median, the 45th and the slowest
pings() { ping -c 50 -i 0.2 10.77.0.2 | sed -n 's/.* time=\([0-9.]*\) ms.*/\1/p' | sort -n | awk '{ t[NR] = $1 } END { print NR == 50 ? t[25] " " t[45] " " t[50] : NR " answers" }'; }
# soon WHAT PINGS: 45 of 50 within 20 ms
soon() { echo "$2" | awk 'NF == 3 && $2 < 20 { ok = 1 } END { exit !ok }'; check $? "$1: a ping takes $2 ms (median, 45th, slowest of 50)"; }

load 1
guest a bw=10M --net tap0; exec 3>keys.a
guest b iops=100; exec 4>keys.b
within 120 ready a && within 120 ready b || cat log.* out.* | quoted
grep -q '^ready' out.a out.b
check $? "two guests with fio"
soon "guest a does nothing" "$(pings)"
echo randread 65536 20 >&3
within 60 bounded 1; check $? "its disk has read more than was saved up"
soon "its disk has reached bw=10M" "$(pings)"
answers a 1; check $((! $?)) "the disk was bounded to the last ping"
within 90 answers a 1
near "bw=10M, 64 KiB" "$(rate a 2)" 10485760
echo randread 262144 20 >&3; within 90 answers a 2
near "bw=10M, 256 KiB" "$(rate a 2)" 10485760
echo randwrite 4096 10 >&4; within 60 answers b 1
near "iops=100" "$(rate b 3)" 100
echo randread 65536 20 >&3; echo randwrite 4096 20 >&4
within 90 answers a 3 && within 90 answers b 2
near "bw=10M beside the other guest" "$(rate a 2)" 10485760
near "iops=100 beside the other guest" "$(rate b 3)" 100
echo stop >&3; echo stop >&4
wait
ends "both guests have ended"
[ $failed = 0 ] || cat log.* out.* | quoted
rmmod lg
check $? "the module unloads"
exit $failed
