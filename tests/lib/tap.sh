# SPDX-License-Identifier: GPL-2.0
#
# tap.sh: how a shell script says what passed, for dash, bash and busybox. To be sourced: in the test host it is /test/tap.sh (tests/host/run puts
# it there); a guest that needs it gets it by --guest. TAP on standard output.
#
#	tap_prefix	said before each name, such as "linux: "
#	seen		files whose ends are shown when something fails
#	failed		1 once something has failed: exit $failed
#	log		where a step's words go; in $seen, they are shown when it fails
tap_prefix= seen= failed=0

ok() { echo "ok $tap_prefix$*"; }
# quoted [FILE...]: as comments, and the last one ends its line, whatever the text does: what comes behind it is a result
quoted() { awk '{ print "# " $0 }' "$@"; }
not_ok() { failed=1; echo "not ok $tap_prefix$*"; shown; }
shown() { for file in $seen; do [ ! -s "$file" ] || tail -n 40 "$file" | tr -d '\r' | quoted; done; }

# check STATUS NAME [DETAIL]: by the status of the command before; what is in DETAIL is told of a failure only
check() { if [ "$1" = 0 ]; then ok "$2"; else not_ok "$2${3:+: $3}"; fi; }

# try NAME COMMAND...: check by its status; what it says is told of a failure
try() {
	name=$1; shift
	said=$("$@" 2>&1) && { ok "$name"; return; }
	not_ok "$name"
	echo "$said" | quoted
}

# listens PATH: does a program listen at this socket? Its name is there before.
listens() { grep -q " 00010000 .* $1\$" /proc/net/unix; }

# step NAME COMMAND...: the same in this shell, for a COMMAND that changes it or others go on from: its words go to $log, its status comes back
step() {
	steps_name=$1; shift
	if "$@" >"$log" 2>&1; then ok "$steps_name"; return 0; fi
	not_ok "$steps_name"
	return 1
}

# at_work N WHAT: every tenth time a comment, of a test that is long: a host that says nothing for minutes is taken for one that hangs
at_work() { [ $(($1 % 10)) != 0 ] || echo "# $1 $2"; }
