#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the test host, beside a guest's kernel and a file system whose script reads the disk's sum, writes, and reads again (tests/launch/recorded): its
# disk is recorded, and replayed; a recorder is killed while its guest writes. TAP on standard output.
. "$(dirname "$0")/lib.sh"
tap_prefix="recorded: "
insmod lg.ko || exit 1
dd if=/dev/urandom of=img bs=1M count=4 2>/dev/null
cp img was
G="--kernel vmlinux --initrd initramfs --memory 96 --cmdline quiet --block img,window=3M"
before=$(md5sum <img)
# What the guest read first and last is what the disk was and is, and these are two.
sums() {
	tr -d '\r' <$out | grep -- ' -$' >sums
	[ "$(sed -n 1p sums)" = "$before" ] && [ "$(sed -n 2p sums)" = "$(md5sum <img)" ] && [ "$(sed -n 2p sums)" != "$before" ]
}

lguest-run $G --record block0=one </dev/null >$out 2>$err
check $? "a guest whose disk is recorded ends with its own status"
sums; check $? "it reads what the disk has, and writes what it reads again"
ls -l one/recording | grep -q '^-rw------- '; check $? "the recording is its owner's alone"
lguest-replay one/recording -- lguest-block --blk-file=was >played 2>&1
s=$?; tail -n 5 played | quoted
check $s "the same program does the same again, with equal used rings"
grep -q 'used entries, equal to those recorded' played; check $? "and it had requests to complete"
cmp was img; check $? "the copy of the disk has the same bytes"
lguest-replay --show one/recording | awk '/ used queue/ { n++ } { at = $2 } END { print "# " NR " records, " n " completions, " int(at / 1000) " s" }'
ls -l one/recording | awk '{ print "# " $5 " bytes" }'

dd if=/dev/urandom of=img bs=1M seek=1 count=1 conv=notrunc 2>/dev/null
before=$(md5sum <img)
lguest-run $G --record block0=two </dev/null >$out 2>$err &
run=$!
grew() { [ "$(stat -c %s two/recording 2>/dev/null || echo 0)" -gt 4600000 ]; }	# all that it reads first, and more: it writes
within 120 grew; check $? "another one writes"
kill -9 $(grandchild $run block0-record); check $? "its recorder is killed"
wait $run; check $? "that guest ends with its own status too"
grep -q 'block0 is not recorded any more' $err && grep -q 'block0 is back' $err; check $? "its disk was back, without a recorder"
sums; check $? "no byte of it is wrong"
lguest-replay --show two/recording >shown 2>&1
s=$?; [ $s = 0 ] || { grep -q 'cut off in its record' shown; s=$?; }
check $s "what was recorded can be shown"
nothing_runs; check $? "no process is left"
rmmod lg; check $? "the module unloads"
exit $failed
