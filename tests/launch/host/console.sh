# SPDX-License-Identifier: GPL-2.0
#
# console.sh: for scripts in the test host that work at a Debian guest's console as a person does: log in, type, read.
# To be sourced. The guest's standard input is a FIFO that stays open as descriptor 3, its output the file $out.
out=/tmp/out err=/tmp/err run= turn=0
mkfifo /tmp/keys 2>/dev/null
exec 3<>/tmp/keys

shown() { { tail -n 8 $err; tail -n 25 $out; } | tr -d '\r' | quoted; }

# await SECONDS TEXT: until the guest has printed it
await() {
	local n=0
	until tr -d '\r' <$out | grep -q -- "$2"; do
		[ $n -lt $(($1 * 5)) ] && kill -0 $run 2>/dev/null || return 1
		usleep 200000; n=$((n + 1))
	done
}

# boot COMMAND...: start it as a guest, in the background, and log in as root. Sets $run.
boot() {
	: >$out; : >$err
	"$@" </tmp/keys >>$out 2>>$err 3<&- &
	run=$!
	await 150 'login: ' || return 1
	echo root >&3
	await 60 'root@guest' || return 1
	guest 60 "bind 'set enable-bracketed-paste off'; stty -echo; PS1=; dmesg -n 1"
}

# guest SECONDS COMMAND: type it, wait for its end; what it printed is in $said, its status is ours (200: it did not end).
guest() {
	local limit=$1 s
	turn=$((turn + 1))
	echo "echo begin-\$((1000 + $turn)); $2
echo end-\$((1000 + $turn)) \$?" >&3
	await $limit "^end-$((1000 + turn)) " || { said=; return 200; }
	said=$(tr -d '\r' <$out | sed -n "/begin-$((1000 + turn))\$/,/^end-$((1000 + turn)) /p" | sed '1d;$d')
	s=$(tr -d '\r' <$out | sed -n "s/^end-$((1000 + turn)) //p")
	return $s
}

# The processes of the guest: lguest-run and all that descend from it
tree() {
	ps -o pid,ppid | awk -v r=$run '{ parent[$1] = $2 } END { for (p in parent) {
		for (q = p; q > 1 && q != r; q = parent[q]) ; if (q == r) print p } }'
}

# stop: power off from inside
stop() { echo poweroff >&3; local n=0; while kill -0 $run 2>/dev/null && [ $n -lt 300 ]; do usleep 200000; n=$((n + 1)); done; wait $run; }
