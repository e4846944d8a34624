#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the test host, beside Debian's image ("img") and fio ("fio.tar"): Debian boots from a disk that is recorded and runs fio, verifying, on another
# that is too; both recordings are played to the disk's program again (tests/launch/recorded debian). TAP on standard output.
. "$(dirname "$0")/lib.sh"
tap_prefix="recorded: "
. ./console.sh

# played NAME OPTION...: NAME/recording to lguest-block with these options
played() {
	name=$1; shift
	ls -l $name/recording | awk '{ print "# " $5 " bytes" }'
	lguest-replay $name/recording -- lguest-block "$@" >said 2>&1
	s=$?; tail -n 4 said | quoted
	[ $s = 0 ] && grep -q 'used entries, equal to those recorded' said
}

insmod lg.ko || exit 1
truncate -s 64M data
truncate -s 64M was
boot lguest-run --kernel vmlinux --block ro:img,window=3M --block data,window=3M --block ro:fio.tar,window=3M --record block0=root --record block1=data.rec
check $? "Debian boots from a disk that is recorded, root logs in"
guest 900 'tar -xf /dev/vdc -C /dev/shm && cd /dev/shm/fio && ./ld.so --library-path . ./fio --name=a --filename=/dev/vdb --direct=1 --rw=randwrite --bs=4k --size=16M --io_size='"${IO:-4M}"' --iodepth=8 --ioengine=psync --verify=crc32c --do_verify=1 --verify_fatal=1 --randseed=7 --output-format=terse; echo'
check $? "fio writes and verifies the recorded disk"
stop; check $? "poweroff: status 0"
! grep -q 'recorded any more\|is back\|the recording ends' $err; check $? "nobody died, and both are whole"
played data.rec --blk-file=was; check $? "fio's disk: equal used rings"
cmp data was; check $? "and the same bytes"
played root --read-only --blk-file=img; check $? "Debian's disk: equal used rings"
exit $failed
