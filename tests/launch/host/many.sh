#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the test host: many guests, at once or one after the other, and what they leave. TAP on standard output.
#
#	many.sh parallel N	N Linux guests at once, each with console and disk, half with a network card: all are up at the
#				same time, look at their devices, and end with a status of their own
#	many.sh starts N	N starts in a row, each with console, disk and network card
. "$(dirname "$0")/lib.sh"

# --- in parallel ---

# The guests wait for a word on their console, which is a FIFO here.
guest() {
	net= wanted=$((20 + $1))
	[ $(($1 % 2)) = 1 ] || net="--net tap$(($1 / 2))"
	timeout 900 lguest-run --kernel vmlinux --initrd many.cpio --memory 80 --name guest$1 --cmdline "quiet guest=$1 ${net:+net=$(($1 / 2))}" \
		--block disk.$1 --block ro:shared.img $net --log log.$1 <>fifo.$1 >out.$1 2>&1
	s=$?
	[ $s = $wanted ] || { echo "# guest $1 ended with status $s, wanted $wanted"; tr -d '\r' <out.$1; tail -n 20 log.$1; } >wrong.$1
}
waiting() { ls wrong.* >/dev/null 2>&1 || [ "$(grep -l "^up" out.* 2>/dev/null | wc -l)" = "$1" ]; }

# round NAME: all N at once
round() {
	rm -f out.* log.* wrong.*
	for g in $all; do echo "disk $g" | dd of=disk.$g conv=notrunc 2>/dev/null; done
	began=$(now_ms)
	jobs=
	for g in $all; do guest $g & jobs="$jobs $!"; done
	within 800 waiting $n
	check $? "$1: $n Linux guests are up at the same time, in $((($(now_ms) - began) / 1000)) s"
	echo "# $(left | wc -l) processes"
	for g in $all; do echo go 1<>fifo.$g; done	# opened both ways: a guest that is gone must not hold us
	for j in $jobs; do wait $j; done
	ls wrong.* >/dev/null 2>&1 && cat wrong.*
	! ls wrong.* >/dev/null 2>&1
	check $? "$1: each read its disk and the shared one, wrote, half pinged the host, and each ended with its own status ($((($(now_ms) - began) / 1000)) s)"
	bad=0
	for g in $all; do dd if=disk.$g bs=1M skip=2 count=1 2>/dev/null | head -n 1 | grep -q "^guest $g$" || bad=$((bad + 1)); done
	[ $bad = 0 ]
	check $? "$1: what each wrote is in its own image"
	[ "$(md5sum <shared.img)" = "$sum" ]
	check $? "$1: the shared image is unchanged"
}

# Two rounds: what the first takes for good (files that grow, caches of the kernel) is not a leak.
parallel() {
	n=$1 all=$(seq 0 $(($1 - 1)))
	load $(((n + 1) / 2))
	dd if=/dev/urandom of=shared.img bs=1M count=2 2>/dev/null
	sum=$(md5sum <shared.img)
	for g in $all; do mkfifo fifo.$g; truncate -s 4M disk.$g; done
	round first
	within 2 nothing_runs
	before
	round second
	after "$n guests at once"
}

# --- in a row ---

one() { lguest-run --kernel probe --memory 32 --block disk --net tap0 --cmdline 7 >$out 2>$err </dev/null; }

starts() {
	load 1
	truncate -s 8M disk
	one
	before
	began=$(now_ms) i=0 s=7
	while [ $i -lt "$1" ] && [ $s = 7 ]; do one; s=$?; i=$((i + 1)); at_work $i starts; done
	[ $s = 7 ] || echo "# start $i of $1 ended with status $s"
	[ $s = 7 ]
	check $? "$1 starts in a row with console, disk and network card, $((($(now_ms) - began) / $1)) ms each"
	after "$1 starts"
}

"$@"
exit $failed
