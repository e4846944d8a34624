# SPDX-License-Identifier: GPL-2.0
#
# lguest.sh: what scripts share that run lguest-run in the test host (there lib.sh, put beside the programs by tests/host/run --lguest): the
# processes of a guest, what it may not leave behind, module and taps. To be sourced; it changes to its own folder, where programs and kernels lie too.
. /test/tap.sh
cd "$(dirname "$0")" || exit 1
PATH=$PWD:$PATH
err=/tmp/err out=/tmp/out seen="/tmp/err /tmp/out"
mkdir -p /tmp
own='^[0-9TZ:.-]* *lguest-run: '	# its sentences; once the guest is started, with their time

now_ms() { awk '{ print int($1 * 1000) }' /proc/uptime; }

# What each device asks of these scripts (devices/NAME/tests/launch.sh): other_devices gets options for one more device that needs
# nothing prepared; functions starts_NAME, mistakes_NAME and explained_NAME are called where their names say.
other_devices=
for device in devices/*.sh; do . "./$device"; done
# for_devices WHAT: call WHAT_NAME of each device that has it
for_devices() {
	for device in devices/*.sh; do
		device=${device##*/}
		if type "$1_${device%.sh}" >/dev/null 2>&1; then "$1_${device%.sh}"; fi
	done
}

# The processes of guests, by the names that lguest-run gives them
left() { ps -o pid,stat,args | grep -vE 'grep|timeout' | grep -E 'lguest-|:core|:[a-z]+[0-9]'; }

# within SECONDS COMMAND...: until it succeeds
within() {
	deadline=$(($(now_ms) + $1 * 1000)); shift
	until "$@"; do
		[ $(now_ms) -lt $deadline ] || return 1
		usleep 50000
	done
}
nothing_runs() { ! left >/tmp/left; }
said() { grep -q "$1" $err; }
printed() { grep -q "$1" $out; }
# ends NAME: within a second no process of a guest is left
ends() { if within 1 nothing_runs; then ok "$1"; else quoted /tmp/left; not_ok "$1"; fi; }

over() { ! kill -0 "$1" 2>/dev/null; }
# A random number below $1
random() { echo $(($(od -An -N2 -tu2 /dev/urandom) % $1)); }
# below PID NAME: processes that PID or its children started, with NAME in their command
below() {
	ps -o pid,ppid,args | awk -v top="$1" -v name="$2" '{ above[$1] = $2 } $0 ~ name { found[$1] = 1 }
		END { for (p in found) { for (q = above[p]; q in above && q != top; q = above[q]); if (q == top) print p } }'
}
there_or_over() { core=$(below "$1" lguest-core); [ -n "$core" ] || over "$1"; }
# kill_core RUN SECONDS: lguest-core and its minder are killed, as soon as they are there; within SECONDS the lguest-run that is process RUN, or
# below it, must be over. When that was not so, $why says what was
kill_core() {
	within 30 there_or_over "$1"
	[ -n "$core" ] || { why="there was no lguest-core to kill"; return 1; }
	hit=
	for pid in $core; do kill -9 "$pid" 2>/dev/null && hit=1; done
	[ -n "$hit" ] || { why="lguest-core had ended before it was killed"; return 1; }
	why="lguest-run is still there $2 s after its core was killed"
	within "$2" over "$1"
}

# Children of lguest-run by name: a role is its minder (the child) and the process that the minder minds
child() { ps -o pid,ppid,args | awk -v p="$1" -v n="$2" '$2 == p && $0 ~ n { print $1 }' | head -n 1; }
grandchild() { ps -o pid,ppid,args | awk -v p="$(child "$1" "$2")" '$2 == p { print $1 }' | head -n 1; }

# pss PID: KiB of a process's memory, the guest's own (RAM and windows) left out
pss() { awk '/^[0-9a-f]+-[0-9a-f]+ / { skip = /memfd:lguest-(ram|window)/ } /^Pss:/ && !skip { n += $2 } END { print n + 0 }' "/proc/$1/smaps"; }

# Free memory, with what waits on the processors' lists: a guest's pages, tens of MiB, that MemFree does not count.
# On the debug host the checkers keep freed objects, and notes about each: there whole pages count, and smaller things are kmemleak's to find.
free_kib() {
	checkers=$(ls -d /sys/kernel/debug/kmemleak 2>/dev/null)
	{ grep -E "MemAvailable:${checkers:+|SUnreclaim:}" /proc/meminfo; grep ' count: ' /proc/zoneinfo; } |
		awk '/:.*kB/ { n += $2 } / count: / { n += $2 * 4 } END { print n }'
}

# The host's state as far as a guest could leave something in it, one file each in $1. The taps are those of $taps.
state() {
	mkdir -p "$1"
	left | awk '{ $1 = ""; print }' >"$1/process"
	awk 'NR > 1 { print $NF }' /proc/net/unix | sort >"$1/socket"
	cut -d' ' -f 4,5,9- /proc/self/mountinfo >"$1/mount"
	ls -l /proc/[0-9]*/ns 2>/dev/null | grep -oE '(mnt|net|pid|user|ipc|uts):\[[0-9]+\]' | sort -u >"$1/namespace"
	find /sys/fs/cgroup -type d | sort >"$1/cgroup"
	cut -d: -f2- /proc/locks | sort >"$1/lock"
	find /dev /run /var -type s -o -type p 2>/dev/null | sort >"$1/file"
	find /dev/shm /dev/pts | sort >>"$1/file"
	# an interface that is up has a carrier while a process has it open
	for t in $taps; do echo "$t $(cat /sys/class/net/$t/carrier)"; done >"$1/tap"
	awk '$1 == "lg" { print $3 }' /proc/modules >"$1/module"
}
KINDS="process socket mount namespace cgroup lock file tap module"

before() {
	[ -d /sys/fs/cgroup/cgroup.controllers ] || mount -t cgroup2 none /sys/fs/cgroup 2>/dev/null
	state /tmp/before
	had_kib=$(free_kib)
}
as_before() { state /tmp/after; diff -r /tmp/before /tmp/after >/dev/null; }
# Whether what was free when had_kib was read is free again: $lost KiB are not. A guest's pages go back when its process is really gone
memory_back() { lost=$((had_kib - $(free_kib))); [ $lost -lt 4096 ]; }

# after NAME: within 10 s everything is as it was at `before`, a line for each kind, and the module unloads
after() {
	within 10 as_before
	for kind in $KINDS; do
		diff /tmp/before/$kind /tmp/after/$kind >/tmp/difference
		s=$?
		[ $s = 0 ] || quoted /tmp/difference
		check $s "$1 leave no $kind"
	done
	within 20 memory_back
	check $? "$1 leave memory as it was ($lost KiB less)"
	s=0
	for t in $taps; do tunctl -d $t >/dev/null || s=1; done
	check $s "$1 leave taps that can be removed"
	rmmod lg
	check $? "the module unloads after $1"
}

# load: the module, and N taps named tap0..., 10.77.N.1 on each
taps=
load() {
	insmod ./lg.ko || { not_ok "the module loads"; exit 1; }
	modprobe tun
	i=0
	while [ $i -lt "${1:-0}" ]; do
		tools/ip tuntap add tap$i mode tap user 0 && ip addr add 10.77.$i.1/24 dev tap$i && ip link set tap$i up
		taps="$taps tap$i"; i=$((i + 1))
	done
}
