#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# mutants.sh ROLE...: is every rule of a manifest needed? Takes one rule away at a time (a system call of a stage, a ring
# opcode, a descriptor, a limit, a namespace), links the role with what is left, and runs it once through everything that
# it can do and past the audit of running roles. One of the two must fail. A rule that nothing uses is found here: taking it
# away changes nothing. A test that misses a rule waits, mostly, so SLICES of a role are tried side by side. Prints TAP lines. B is the
# build folder; roles: block block-sync net console.
set -u
cd "$(dirname "$0")/../.." || exit 2
B=${B:-build/release}
. tests/lib/tap.sh
BLKFE=$B/tests/bench/blkfe
AUDIT=$B/tests/sandbox/policy_audit
ROLES=$B/tests/frontend/roles
all=$(mktemp -d /var/tmp/lguest-mutants.XXXXXX)
trap 'rm -rf "$all"' EXIT
SLICES=4

CFLAGS='-std=gnu11 -O1 -D_GNU_SOURCE -Ikmod/include/uapi -I.'

manifest_of() { case $1 in block-sync) echo devices/block/manifest-sync ;; *) echo "devices/$1/manifest" ;; esac; }
texts_of() { ls "$(manifest_of "$1").c" policy/rows.h "devices/${1%-sync}"/manifest*.h 2>/dev/null; }
program_of() { case $1 in block*) echo lguest-block ;; *) echo "lguest-$1" ;; esac; }

# The link command of a role's program, with the role's two objects taken from $work where they exist.
link_role() { # link_role ROLE
	local program cmd
	program=$(program_of "$1")
	if [ ! -f "$work/link-$program" ]; then
		make -n -W "$B/$(manifest_of "$1").o" "$B/$program" 2>/dev/null | grep -e "-o $B/$program " | tail -n 1 > "$work/link-$program"
		[ -s "$work/link-$program" ] || { not_ok "$1: no link command"; exit 1; }
	fi
	cmd=$(sed "s#-o $B/$program #-o $work/bin/$program #" "$work/link-$program")
	[ ! -f "$work/role.o" ] || cmd=${cmd//"$B/$(manifest_of "$1").o"/$work/role.o}
	[ ! -f "$work/filter.o" ] || cmd=${cmd//$B\/policy\/filter-$1.o/$work/filter.o}
	eval "$cmd"
}

run_roles() { # run_roles ROLE: what its own test of the whole program says
	timeout 60 "$ROLES" "$work/bin" > "$work/log" 2>&1
	[ $? != 124 ] || return 124
	! grep -q "^not ok $1:" "$work/log" && grep -q "^ok $1:" "$work/log"
}

any_net() { # a tap of a network namespace made for it
	timeout 20 unshare -n sh -c 'ip tuntap add lgmut0 mode tap && exec "$0" "$1" --tap=lgmut0 --allow-unowned-tap --verbose' \
		"$B/tests/sandbox/anyrole" "$work/bin/lguest-net" > "$work/log" 2>&1
}

# --verbose: a role says something while it sets itself up.
survives() { # survives ROLE: true when nothing notices; 124 when that took too long to be known
	case $1 in
	block)	    timeout 20 "$BLKFE" scenario "$work/bin/lguest-block" "$work/image" --verbose --iops=1000000 > "$work/log" 2>&1 ;;
	block-sync) timeout 20 "$BLKFE" scenario "$work/bin/lguest-block" "$work/image" --no-io-uring --verbose > "$work/log" 2>&1 ;;
	net)	    any_net && run_roles net ;;
	console)    timeout 20 "$B/tests/sandbox/anyrole" "$work/bin/lguest-console" --file="$work/image" --verbose > "$work/log" 2>&1 && run_roles console ;;
	esac || return
	BIN_DIR=$work/bin timeout 60 "$AUDIT" --filter "policy_audit/${1/-/_}" > "$work/log" 2>&1
}

verdict() { # verdict ROLE NAME: a program without the rule, or none, which says nothing of the rule
	link_role "$1" || { not_ok "$1 without $2: does not link"; return; }
	survives "$1"
	case $? in
	0) not_ok "$1 without $2: nobody misses it" ;;
	124) # it hangs without, unless this machine is too busy to know
		rm -f "$work/role.o" "$work/filter.o"
		link_role "$1" && survives "$1"
		check $? "$1 without $2" "it took too long to know whether anybody misses it" ;;
	*) ok "$1 without $2" ;;
	esac
}

# Whether the next rule is this slice's
turn() { rule=$((rule + 1)); [ $((rule % SLICES)) = "$slice" ]; }

drop_call() { # drop_call ROLE STAGE ROW NAME
	turn || return
	"$B/policy/compile-$1" "--drop=$2:$3" > "$work/filter.c" && gcc $CFLAGS -c -o "$work/filter.o" "$work/filter.c" ||
		{ not_ok "$1 without call $2 $4: does not compile"; return; }
	verdict "$1" "call $2 $4"
	rm -f "$work/filter.o"
}

drop_text() { # drop_text ROLE NAME SED-EXPRESSION: on the manifest and on what it includes
	turn || return
	local text same=1 to
	for text in $(texts_of "$1"); do
		to=$work/$text
		[ "${text##*.}" != c ] || to=$work/role.c
		mkdir -p "${to%/*}"
		sed -E "$3" "$text" > "$to"
		cmp -s "$text" "$to" || same=0
	done
	[ $same = 0 ] || { not_ok "$1 without $2: not found in the manifest"; return; }
	# Another rule takes the place of the one that goes: lists keep their shape.
	gcc -I"$work" $CFLAGS -c -o "$work/role.o" "$work/role.c" || { not_ok "$1 without $2: does not compile"; return; }
	verdict "$1" "$2"
	rm -f "$work/role.o"
}

try_role() { # try_role ROLE SLICE: every SLICESth rule, with a folder and programs of its own
	local role=$1 slice=$2 rule=0 work=$all/$1.$2 opt row stage name op other fd limit ns
	mkdir -p "$work/bin"
	truncate -s 1M "$work/image"
	# roles.c runs both of its programs: the other one as it is
	rm -f "$work"/bin/*
	ln -sf "$PWD/$B/lguest-console" "$PWD/$B/lguest-net" "$work/bin/"
	rm -f "$work/bin/$(program_of "$role")"
	link_role "$role"
	if ! survives "$role"; then not_ok "$role: all rules in place"; quoted "$work/log"; return; fi
	[ "$slice" != 0 ] || ok "$role: all rules in place"
	opt=
	[ "$role" != block-sync ] || opt=--no-io-uring
	"$B/$(program_of "$role")" $opt --print-policy > "$work/policy.txt"
	row=0
	while read -r stage name; do
		[ "$stage" = sealed ] || drop_call "$role" setup $row "$name"
		[ "$stage" = setup ] || drop_call "$role" sealed $row "$name"
		row=$((row + 1))
	done < <(sed -n 's/^call \(both\|setup\|sealed\) *\([a-z0-9_]*(.*)\) #.*/\1 \2/p' "$work/policy.txt")
	for op in $(sed -n 's/^ring-op \([A-Z_]*\) .*/\1/p' "$work/policy.txt"); do
		other=READ
		[ "$op" != READ ] || other=WRITE
		drop_text "$role" "ring opcode $op" "s/\{ IORING_OP_$op, [^}]*\}/{ IORING_OP_$other, \"$other\", \"\" }/"
	done
	for fd in LOG CONTROL DRAIN RING ORDER INFLIGHT RESOURCE RESOURCE_OUT RESIZE LISTEN TAP; do
		grep -q "POLICY_FD_$fd, " $(texts_of "$role") || continue
		[ "$fd" = RING ] && [ "$role" = block-sync ] && continue
		other=LOG
		[ "$fd" != LOG ] || other=CONTROL
		drop_text "$role" "descriptor $fd" "s/\{ POLICY_FD_$fd, [^}]*\}/{ POLICY_FD_$other, 1, POLICY_BOTH, \"\", \"\" }/"
	done
	for limit in $(sed -n 's/^limit [a-z]* *\([A-Z]*\) .*/\1/p' "$work/policy.txt"); do
		other=CORE
		[ "$limit" != CORE ] || other=MSGQUEUE
		drop_text "$role" "limit $limit" "s/LIMIT\($limit, [^)]*\)/LIMIT($other, POLICY_SETUP, 0)/"
	done
	for ns in USER PID NS NET IPC UTS; do
		drop_text "$role" "namespace $ns" "s/CLONE_NEW$ns\>/0/"
	done
}

for role; do
	for slice in $(seq 0 $((SLICES - 1))); do try_role "$role" "$slice" > "$all/$role.$slice.tap" 2>&1 & done
done
wait
cat "$all"/*.tap
! cat "$all"/*.tap | grep -q '^not ok'
