#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# inhost.sh: the hostile payloads and the block role on Debian's own kernel (tests/host), which has the x32 and i386 entries
# and runs from an initramfs, where pivot_root is impossible. Prints TAP lines. B is the build folder.
cd "$(dirname "$0")/../.." || exit 2
B=${B:-build/release}
exec tests/host/run --timeout 900 --file "$B/tests/hostile/hostile:/bin/hostile" --file "$B/lguest-block:/bin/lguest-block" \
	--file "$B/tests/bench/blkfe:/bin/blkfe" -- '
mkdir -p /tmp /var/tmp /etc
: > /etc/passwd
try() { name=$1; shift; if "$@" > /tmp/log 2>&1; then echo "ok $name"; else echo "not ok $name"; fi; sed "s/^/# /" /tmp/log; }
for role in block block-sync net console rng core; do
	for what in acts ring calls; do try "in the test host: hostile $what $role" hostile $what $role; done
done
truncate -s 1M /var/tmp/image
try "in the test host: every request type" blkfe scenario /bin/lguest-block /var/tmp/image
try "in the test host: every request type, without io_uring" blkfe scenario /bin/lguest-block /var/tmp/image --no-io-uring
try "in the test host: killed 10 times under verified I/O" blkfe crash 10 /bin/lguest-block /var/tmp/image'
