# SPDX-License-Identifier: GPL-2.0
#
# virtiofs.sh: inside a guest, a folder of the host's by virtiofs (tag "host"). TAP on standard output; host/foreign.sh looks at what is left.
. /tap.sh
stty -echo
mkdir -p /mnt
try "it is mounted" mount -t virtiofs host /mnt
cd /mnt || exit 1
try "what is there is read whole" md5sum -c sums
[ "$(readlink link)" = known ]; check $? "a link is a link"
dd if=/dev/urandom of=sub/made bs=64k count=256 conv=fsync 2>/dev/null && (cd sub && md5sum made >made.sums); check $? "16 MiB are written and synced"
echo moved >gone && mv gone moved && ! [ -e gone ]; check $? "a file is renamed"
i=0
while [ $i -lt 200 ]; do echo $i >sub/f$i || break; i=$((i + 1)); done
[ "$(ls sub | grep -c '^f')" = 200 ] && [ "$(cat sub/f* | sort -n | tail -n 1)" = 199 ] && rm sub/f*; check $? "200 files are made, listed, read, removed"
cd / && umount /mnt; check $? "it is unmounted"
exit $failed
