#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# inhost.sh: the hostile payloads and the block role on Debian's own kernel (tests/host), which has the x32 and i386 entries
# and runs from an initramfs, where pivot_root is impossible. Prints TAP lines. B is the build folder.
cd "$(dirname "$0")/../.." || exit 2
B=${B:-build/release}
exec tests/host/run --smp 2 --timeout 900 --file "$B/tests/hostile/hostile:/bin/hostile" --file "$B/lguest-block:/bin/lguest-block" \
	--file "$B/tests/bench/blkfe:/bin/blkfe" -- '
mkdir -p /tmp /var/tmp /etc
: > /etc/passwd
echo 1..21
log=/tmp/log
try() { name=$1; shift; if "$@" > $log 2>&1; then echo "ok $name"; else echo "not ok $name"; fi; sed "s/^/# /" $log; }
hostile_of() { what=$1; shift; for role; do try "in the test host: hostile $what $role" hostile $what $role; done; }
hostile_of acts block block-sync net console rng core
hostile_of ring block block-sync net console rng core
# Nearly all of the time: each number of a system call in a process of its own. Half of the roles on each CPU
(log=/tmp/log.2; hostile_of calls console rng core) > /tmp/half &
hostile_of calls block block-sync net
wait
cat /tmp/half
truncate -s 1M /var/tmp/image
try "in the test host: every request type" blkfe scenario /bin/lguest-block /var/tmp/image
try "in the test host: every request type, without io_uring" blkfe scenario /bin/lguest-block /var/tmp/image --no-io-uring
try "in the test host: killed 10 times under verified I/O" blkfe crash 10 /bin/lguest-block /var/tmp/image'
