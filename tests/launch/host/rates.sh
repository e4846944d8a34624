#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the test host, beside the programs and a guest with fio (rates-guest.sh): what a disk's bw= and iops= leave to a guest, alone
# and beside another guest. TAP on standard output.
. "$(dirname "$0")/lib.sh"
tap_prefix="rates: "

# guest NAME KEYS: a guest whose disk has KEYS; it reads what is written to descriptor 3 (a) or 4 (b)
guest() {
	truncate -s 64M disk.$1
	mkfifo keys.$1
	lguest-run --kernel vmlinux --initrd initramfs --memory 384 --cmdline quiet --block disk.$1,$2 --log log.$1 <keys.$1 >out.$1 &
}
ready() { grep -q '^ready' out.$1; }
answers() { [ "$(grep -c '^did' out.$1)" -ge $2 ]; }
# rate NAME COLUMN: of the last answer, in a second
rate() { tr -d '\r' <out.$1 | awk -v c=$2 '/^did/ { r = int($c * 1000 / $4) } END { print r }'; }
# near WHAT VALUE BOUND: within 5 %
near() { [ "$2" -ge $(($3 * 95 / 100)) ] && [ "$2" -le $(($3 * 105 / 100)) ]; check $? "$1: $2 in a second, of $3"; }

load 1
guest a bw=10M; exec 3>keys.a
guest b iops=100; exec 4>keys.b
within 120 ready a && within 120 ready b || cat log.* out.* | quoted
grep -q '^ready' out.a out.b
check $? "two guests with fio"
echo randread 65536 20 >&3; within 90 answers a 1
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
