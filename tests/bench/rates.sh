#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# rates.sh: what bounds on a disk cost where they never bite: lguest-block without keys and with bw= and iops= far out of reach, under the front end of
# `make bench-block`, in the test host with -icount, where a second is 10^9 instructions. So what is compared is instructions a request, of front end, back end and
# kernel together: the same on each machine, busy or not, where time is too noisy for 1 %. Prints medians of 3; status 1 when they differ by more than 1 %.
set -euo pipefail
cd "$(dirname "$0")/../.."
B=${B:-build/release}
rows=("randread 4096 1" "randread 4096 32" "randwrite 4096 32" "read 131072 8")
out=$(tests/host/run --lguest /r --icount --timeout 1500 --file "$B/tests/bench/blkfe:/r/blkfe" -- "
measure() { # measure WORD KEY...: a back end of its own for each row
	local word=\$1 role row; shift
	for row in $(printf '"%s" ' "${rows[@]}"); do
		./lguest-block --socket-path=sock --blk-file=img \"\$@\" & role=\$!
		until grep -q ' 00010000 .* sock\$' /proc/net/unix; do kill -0 \$role || exit 1; usleep 1000; done
		echo \"\$word \$row: \$(./blkfe bench sock \$row 0.3)\"
		kill \$role; wait \$role
		rm -f sock
	done
}
cd /r; head -c 33554432 /dev/zero >img
for round in 1 2 3; do
	measure free
	measure bounded --bw=1099511627776 --iops=1099511627776
done")
# median WORD ROW: of requests a second
median() { echo "$out" | sed -n "s/^$1 $2: \([0-9]*\) .*/\1/p" | sort -n | awk '{ n[NR] = $1 } END { print NR == 3 ? n[2] : 0 }'; }
echo 'instructions a request: without bounds, with bounds that never bite, difference'
failed=0
for row in "${rows[@]}"; do
	awk -v row="$row" -v free="$(median free "$row")" -v bounded="$(median bounded "$row")" 'BEGIN {
		if (!free || !bounded) exit 1
		d = (free / bounded - 1) * 100; printf "%-18s %8d %8d %6.2f %%\n", row, 1e9 / free, 1e9 / bounded, d; exit d > 1 || d < -1 }' || failed=1
done
[ $failed = 0 ] || echo "$out" >&2
exit $failed
