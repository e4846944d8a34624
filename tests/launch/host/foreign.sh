#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# foreign.sh: inside the test host, beside qemu-storage-daemon in /q and virtiofsd in /v. TAP on standard output.
. "$(dirname "$0")/lib.sh"
tap_prefix="foreign: "

# serve FOLDER PROGRAM...: a back end of /FOLDER is started, and answers at /tmp/FOLDER.sock
serve() {
	folder=$1 program=$2; shift 2
	"/$folder/ld.so" --library-path "/$folder" "/$folder/$program" "$@" >>/tmp/out.back 2>&1 &
	back=$!
	within 20 listens /tmp/$folder.sock
	check $? "$program listens"
}

# guest INITRAMFS FOLDER TYPE
guest() {
	./lguest-run --kernel vmlinux --initrd $1 --memory 96 --cmdline quiet --vhost-user socket=/tmp/$2.sock,type=$3 </dev/null >$out 2>$err
	check $? "a guest with a back end of type $3 that is not ours ends with its own status"
	kill $back 2>/dev/null	# virtiofsd has ended with its front end
	wait $back
	tr -d '\r' <$out >/tmp/said
}

insmod lg.ko || exit 1
seen="$err $out /tmp/out.back"
dd if=/dev/urandom of=img bs=1M count=4 2>/dev/null
before=$(md5sum <img)
serve q qemu-storage-daemon --blockdev driver=file,node-name=f,filename=img \
	--export type=vhost-user-blk,id=e,addr.type=unix,addr.path=/tmp/q.sock,node-name=f,writable=on
guest disk.cpio q block
grep -- ' -$' /tmp/said >sums
[ "$(head -n 1 sums)" = "$before" ]; check $? "it reads what is there"
[ "$(tail -n 1 sums)" = "$(md5sum <img)" ] && [ "$(md5sum <img)" != "$before" ]; check $? "what it writes is in the image"

# The guest's own checks are lines of TAP; then what it left is looked at from here
mkdir -p share/sub
dd if=/dev/urandom of=share/known bs=1M count=8 2>/dev/null
(cd share && md5sum known >sums)
ln -s known share/link
serve v virtiofsd --socket-path=/tmp/v.sock --shared-dir=share --tag=host --sandbox=chroot
guest folder.cpio v fs
sed -nE 's/^(not )?ok (.*)/\1ok virtiofs: \2/p' /tmp/said
grep -q '^not ok' /tmp/said && failed=1
[ "$(grep -cE '^(not )?ok ' /tmp/said)" = 7 ]; check $? "the guest has made its seven checks of the folder"
(cd share/sub && md5sum -c made.sums >/dev/null) && [ "$(wc -c <share/sub/made)" = 16777216 ]; check $? "what the guest wrote is in the folder"
[ ! -e share/gone ] && [ "$(cat share/moved)" = moved ]; check $? "what the guest removed and renamed is so in the folder"
rmmod lg; check $? "the module unloads"
exit $failed
