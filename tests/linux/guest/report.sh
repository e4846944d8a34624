#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs inside the guest: report.sh ROUNDS MIB: fills so much memory and frees it, each time when the host says so, and looks whether what it
# keeps meanwhile stays what it was. TAP on standard output.
. /tap.sh

mount -t tmpfs -o size=100% tmpfs /tmp
head -c 8000000 /dev/urandom >/tmp/kept
kept=$(md5sum </tmp/kept)
i=0
echo "ready 0"
while [ $i -lt "$1" ]; do
	i=$((i + 1))
	read -r go
	head -c 4194304 /dev/urandom >/tmp/part
	n=0
	while [ $n -lt $(($2 / 4)) ]; do n=$((n + 1)); cat /tmp/part; done >/tmp/fill
	sum=$(md5sum </tmp/fill)
	echo "filled $i"
	read -r go
	[ "$(md5sum </tmp/fill)" = "$sum" ]; check $? "round $i: what filled it"
	rm /tmp/fill
	echo "freed $i"
done
read -r go
[ "$(md5sum </tmp/kept)" = "$kept" ]; check $? "what was kept"
exit $failed
