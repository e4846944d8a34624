#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the test host: what happens when things go wrong around a Linux guest. TAP on standard output.
#
#	faults.sh leaving	the user leaves (closed terminal, SIGHUP, three ctrl-C, SIGTERM) a guest that spins, one that exhausts its
#				memory, one that forks without end: over within a second, nothing left, the terminal as before
#	faults.sh disk		a full disk and an image cut short under a running guest
#	faults.sh net		a tap removed under a running guest
. "$(dirname "$0")/lib.sh"
K="--kernel vmlinux --initrd faults.cpio --memory 80"

# --- the user leaves ---

# leaves WAY STATUS SETTINGS: of the guest that does $what
leaves() {
	leave $1 ready lguest-run $K --cmdline "quiet do=$what" --block img --net tap0 >/tmp/leave 2>$out
	read -r status ms settings mode </tmp/leave
	name="$what: $1 ends it with status $2 within a second, and the terminal is $3"
	if [ "$status $settings $mode" = "$2 $3 raw" ] && [ "$ms" -le 1000 ]; then ok "$name # $ms ms"
	else cat /tmp/leave | sed 's/^/# /'; not_ok "$name"; fi
	: >/tmp/left
	! left >/tmp/left
	s=$?; sed 's/^/# /' /tmp/left
	check $s "$what: $1 leaves nothing running"
}

leaving() {
	load 1
	truncate -s 4M img
	leave wait spin true >/dev/null 2>&1	# the first pty
	before
	for what in ${1:-spin memory fork}; do
		leaves close 129 gone
		leaves hup 129 restored
		leaves ctrl-c 113 restored
		leaves term 143 restored
	done
	after "guests that the user left"
}

"$@"
