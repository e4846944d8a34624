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

random_ms() { usleep $(($(od -An -N2 -tu2 /dev/urandom) % $1 * 1000)); }
