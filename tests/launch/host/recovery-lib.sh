# SPDX-License-Identifier: GPL-2.0
#
# What recovery.sh and resets.sh share: to be sourced where $err is lguest-run's log and $run its process.

# The process of a role: the one with its name whose parent, the minder, has it too
role() { ps -o pid,ppid,args | awk -v n="guest:$1 " 'index($0 " ", n) { name[$1] = 1; parent[$1] = $2 } END { for (p in name) if (name[parent[p]]) print p }'; }

backs() { grep -c "^[0-9TZ:.-]* lguest-run: $1 is back" $err; }

# await SECONDS TEXT FILE
await() {
	n=0
	until grep -q "$2" $3; do
		[ $n -lt $(($1 * 5)) ] && kill -0 $run 2>/dev/null || return 1
		usleep 200000; n=$((n + 1))
	done
}

# kill_role NAME: kill -9, and wait until the guest is served again
kill_role() {
	pid=$(role $1) had=$(backs $1) n=0
	[ -n "$pid" ] && kill -9 $pid || { echo "# no $1 to kill"; return 1; }
	until [ "$(backs $1)" -gt $had ] || [ $n = 300 ]; do usleep 20000; n=$((n + 1)); done
	[ $n -lt 300 ] || echo "# $1 did not come back within 6 s"
	[ $n -lt 300 ]
}

# lguest_run OPTION...: a guest whose keys are what is written to descriptor 3. Sets $run.
lguest_run() {
	mkfifo keys
	exec 3<>keys
	: >$out; : >$err
	lguest-run --kernel vmlinux --cpus "${CPUS:-1}" --initrd initramfs --memory 512 --net tap0 --block disk "$@" <keys >>$out 2>>$err 3>&- &
	run=$!
}

# ended SECONDS: how the guest ends by itself, in $status
ended() {
	n=0
	while kill -0 $run 2>/dev/null && [ $n -lt $(($1 * 5)) ]; do usleep 200000; n=$((n + 1)); done
	kill -0 $run 2>/dev/null && { echo "# the guest did not end"; kill $run; }
	wait $run; status=$?
}

# recoveries LINES WHAT ROLE...: how long the guest was without each, in these lines of lguest-run
recoveries() {
	lines=$1 what=$2; shift 2
	for r; do
		sed -n "$lines s/^[0-9TZ:.-]* *lguest-run: $r is back after \([0-9]*\) ms$/\1/p" $err | sort -n | awk -v r="$r$what" '{ a[NR] = $1 }
			END { if (NR) print "# recovery of " r ": median " a[int((NR + 1) / 2)] " ms, worst " a[NR] " ms, of " NR }'
	done
}

# complaints: what else lguest-run had to say; then the module goes
complaints() {
	grep -v 'is back after\|killed by signal 9\|ended by signal 9\|all layers' $err | quoted | tail -n 20
	rmmod lg
	check $? "the module unloads"
}

random_ms() { usleep $(($(od -An -N2 -tu2 /dev/urandom) % $1 * 1000)); }
