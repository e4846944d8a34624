#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# inhost.sh acts|calls: on Debian's own kernel (tests/host), which has the x32 and i386 entries and runs from an initramfs, where pivot_root is impossible:
# acts: the hostile payloads but for system calls, and the block role; calls: each system call by number, minutes of them. Prints TAP lines. B is the build
# folder, ROLES the sealed roles.
cd "$(dirname "$0")/../.." || exit 2
B=${B:-build/release}
ROLES=${ROLES:?make says which: make check-sandbox-host}
n=$(echo $ROLES | wc -w) seen= calls=
# Each number of a system call takes long: once for each filter, which several roles may share to the byte.
for r in $ROLES; do
	hash=$(sed -n 's/.*\.sealed = {.*"\(.*\)".*/\1/p' "$B/policy/filter-$r.c")
	[ -n "$hash" ] || { echo "not ok $r: no filter"; exit 1; }
	case $seen in *" $hash "*) ;; *) seen="$seen $hash " calls="$calls $r" ;; esac
done
c=$(echo $calls | wc -w)
half=$(echo $calls | cut -d' ' -f1-$(((c + 1) / 2)))
boot="tests/host/run --smp 2 --timeout 900 --file $B/tests/sandbox/hostile:/bin/hostile"
hostile_of='
. /test/tap.sh
hostile_of() { what=$1; shift; for role; do try "in the test host: hostile $what $role" hostile $what $role; done; }
mkdir -p /tmp /var/tmp /etc
: > /etc/passwd'
# A process for each of thousands of tries, and on either CPU one at a time
[ "$1" = acts ] || exec $boot -- "echo 1..$c
$hostile_of
hostile_of calls ${calls#" $half"} > /tmp/other &
hostile_of calls $half
wait
cat /tmp/other"
# Acts have a socket that only one of them can have
exec $boot --file "$B/lguest-block:/bin/lguest-block" --file "$B/tests/bench/blkfe:/bin/blkfe" -- "echo 1..$((2 * n + 3))
$hostile_of
hostile_of acts $ROLES > /tmp/other &
hostile_of ring $ROLES
wait
cat /tmp/other
truncate -s 1M /var/tmp/image
"'
try "in the test host: every request type" blkfe scenario /bin/lguest-block /var/tmp/image
try "in the test host: every request type, without io_uring" blkfe scenario /bin/lguest-block /var/tmp/image --no-io-uring
try "in the test host: killed 10 times under verified I/O" blkfe crash 10 /bin/lguest-block /var/tmp/image'
