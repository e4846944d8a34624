#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# start.sh: processor time from exec of lguest-run to the guest's first instructions, in the test host, counted in instructions
# (-icount): the same on every machine, and not time. Prints a table: medians of 5.
set -euo pipefail
cd "$(dirname "$0")/../.."
B=build/release
out=$(tests/host/run --lguest /s --linux --icount --mem 768 --boot 900 --timeout 1800 --file $B/probe:/s/probe --file $B/first:/s/first -- '
cd /s; modprobe tun; insmod lg.ko; tools/ip tuntap add tap0 mode tap user 0; truncate -s 64M img
for i in 1 2 3 4 5; do
	echo "a $(./first probe: ./lguest-run --kernel probe --console none --cmdline s </dev/null)"
	echo "b $(./first probe: ./lguest-run --kernel probe --net tap0 --block ro:img --cmdline s </dev/null)"
	echo "c $(./first "guest kernel entered" ./lguest-run --kernel vmlinux --net tap0 --block ro:img </dev/null)"
done')
row() {
	echo "$out" | sed -n "s/^$1 //p" | sort -n -k2 | awk -v what="$2" '{ e[NR] = $1; b[NR] = $2 } END {
		if (NR < 5) exit 1; printf "%8.1f %8.1f  %s\n", b[3] / 1e6, e[3] / 1e6, what }' || { echo "$out" >&2; exit 1; }
}
echo '    busy  elapsed  (millions of instructions, exec of lguest-run to the guest'"'"'s first)'
row a 'a kernel of 20 KiB, no device: lguest-run and lguest-core'
row b 'the same with console, net and block'
bytes=0
while read -r _ _ _ _ size _; do bytes=$((bytes + size)); done < <(readelf -lW "$(guest/build.sh)" | grep '^ *LOAD')
row c "Linux ($((bytes >> 20)) MiB) with console, net and block"
