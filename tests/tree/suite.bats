# SPDX-License-Identifier: GPL-2.0
#
# tests/host/suite on a makefile of its own: what counts as a failure, what runs beside what, and that a signal ends all.

setup() {
	suite=$BATS_TEST_DIRNAME/../host/suite
	cd "$BATS_TEST_TMPDIR" || return
	export LGUEST_CACHE=$PWD/cache
	unset MAKEFLAGS MAKELEVEL MFLAGS
	cat >Makefile <<'END'
R := build/results
.PHONY: all layers
all layers:
$(R)/%.tap:
	./$* >$@
$(R)/slow-a.tap $(R)/slow-b.tap: both
both:
	sleep 0.2; echo built >>$@
END
}

# script NAME COMMANDS: what the group NAME runs
script() { printf '#!/bin/sh\n%s\n' "$2" >"$1"; chmod +x "$1"; }

# ended PID: there is no such process, or its parent has only to hear of its end (whose parent is gone has the machine's first process, which may take seconds)
ended() { ! grep -qs '^State:.[^ZX]' "/proc/$1/status"; }

# ends_with LINE: the last line that suite printed
ends_with() { [ "${lines[-1]}" = "$1" ] || { echo "$output"; return 1; }; }

@test "suite: passed, failed and skipped are added up, and the status says so" {
	script good 'echo ok one; echo "ok two # SKIP none here"'
	script bad 'echo ok one; echo not ok two'
	run "$suite" good
	[ "$status" = 0 ]
	ends_with "1 passed, 0 failed, 1 skipped"
	run "$suite" good bad
	[ "$status" = 1 ] && [[ $output == *"    not ok two"* ]] && ends_with "2 passed, 1 failed, 1 skipped"
}

@test "suite: an error, silence, a short plan and a late end are failures" {
	script error 'echo ok one; exit 3'
	script silent ''
	script short 'echo 1..3; echo ok one; echo ok two'
	script late 'echo ok one; sleep 100'
	run "$suite" --limits late=1 error silent short late
	[[ $output == *"not ok error: it ended with status 2"* ]]
	[[ $output == *"not ok silent: it reported no test"* ]]
	[[ $output == *"not ok short: it announced 3 tests and reported 2"* ]]
	[[ $output == *"not ok late: it passed its time limit of 1 s"* ]]
	[ "$status" = 1 ] && ends_with "3 passed, 4 failed"
}

@test "suite: what does not build fails, and nothing runs" {
	sed -i 's/^all layers:/&\n\t@echo cannot; false/' Makefile
	script good 'echo ok one; touch ran'
	run "$suite" good
	[ "$status" = 1 ] && [[ $output == *"not ok build"*cannot* ]] && [ ! -e ran ] && ends_with "0 passed, 1 failed"
}

@test "suite: a group that may runs beside another; its lines come whole; what both need is built once" {
	script slow-a 'touch a; for i in 1 2 3 4 5 6 7 8 9; do [ -e b ] && echo ok a && exit; sleep 1; done; echo not ok a'
	script slow-b 'touch b; for i in 1 2 3 4 5 6 7 8 9; do [ -e a ] && echo ok b && exit; sleep 1; done; echo not ok b'
	run "$suite" --beside slow-b slow-a slow-b
	ends_with "2 passed, 0 failed"
	[ "$(cat both)" = built ]
	for name in a b; do [[ $output == *"check: slow-$name ("?" of 2)"$'\n'"    1 passed, 0 failed in "* ]]; done
}

@test "suite: the lane that is done first takes of what may be beside anything" {
	script slow-a 'touch a; for i in 1 2 3 4 5 6 7 8 9; do [ -e b ] && echo ok a && exit; sleep 1; done; echo not ok a'
	script slow-b 'touch b; for i in 1 2 3 4 5 6 7 8 9; do [ -e a ] && echo ok b && exit; sleep 1; done; echo not ok b'
	script one 'echo ok one'
	run "$suite" --beside "slow-a slow-b" one slow-a slow-b
	ends_with "3 passed, 0 failed"
}

@test "suite: a group that sleeps is beside two others" {
	saw='for i in $(seq 300); do [ -e a ] && [ -e b ] && [ -e c ] && echo ok all && exit; sleep 0.1; done; echo not ok all'
	for name in a b c; do script slow-$name "touch $name; $saw"; done
	run "$suite" --beside slow-b --sleeping slow-c slow-a slow-b slow-c
	ends_with "3 passed, 0 failed"
}

@test "suite: a group that must be alone has nothing beside it" {
	script one 'touch one.runs; sleep 1; touch one.done; rm one.runs; echo ok one'
	script two 'touch two.runs; sleep 2; touch two.done; rm two.runs; echo ok two'
	script alone '[ -e one.done ] && [ -e two.done ] && ! ls *.runs && echo ok alone || echo not ok alone'
	run "$suite" --beside two --alone alone alone one two
	ends_with "3 passed, 0 failed"
}

@test "suite: two that wait are beside each other, and beside nothing else; so are two that are paired" {
	# Neither goes before it has been seen by the other
	wait='for i in $(seq 300); do [ -e $it ] && break; sleep 0.1; done'
	saw='[ "$(ls *.runs | xargs)" = "a.runs b.runs" ] && echo ok both || echo not ok both'
	script slow-a "touch a.runs; it=b.runs; $wait; $saw; touch a.saw; it=b.saw; $wait; rm a.runs"
	script slow-b "touch b.runs; it=a.runs; $wait; $saw; touch b.saw; it=a.saw; $wait; rm b.runs"
	script one 'touch one.runs; sleep 1; touch one.done; rm one.runs; echo ok one'
	script alone '[ -e one.done ] && [ -e b.saw ] && ! ls *.runs && echo ok alone || echo not ok alone'
	run "$suite" --waiting "slow-a slow-b" --alone alone alone slow-a slow-b one
	ends_with "4 passed, 0 failed"
	rm -f ./*.saw ./*.done
	run "$suite" --paired "slow-a slow-b" --alone alone alone slow-a slow-b one
	ends_with "4 passed, 0 failed"
}

@test "suite: a group has the limit that is said of it" {
	script late 'echo ok one; sleep 3'
	CHECK_LIMIT=1 run "$suite" --limits "other=9 late=600" late
	ends_with "1 passed, 0 failed"
	CHECK_LIMIT=1 run "$suite" --limits "other=9" late
	[[ $output == *"not ok late: it passed its time limit of 1 s"* ]]
	ends_with "0 passed, 1 failed"
	run "$suite" --limits "other=9 late=1" late
	[[ $output == *"not ok late: it passed its time limit of 1 s"* ]] && ends_with "0 passed, 1 failed"
}

@test "suite: of those that may be beside others, the longest of the last time begins first, and whom nobody knows before it" {
	# None goes before another has begun, so that the first two are those that the two lanes took first
	for name in one two three four; do
		script $name "echo $name >>order; for i in \$(seq 300); do [ \$(wc -l <order) -ge 2 ] && echo ok $name && exit; sleep 0.1; done; echo not ok $name"
	done
	mkdir cache; echo '{"one": 2000, "two": 30000, "four": 7000}' >cache/check-times.json
	run "$suite" --waiting "one two three four" one two three four
	ends_with "4 passed, 0 failed"
	[ "$(head -n 2 order | sort | xargs)" = "three two" ]
	# No group takes a thousand seconds here
	for name in one two three four; do grep -Eq "\"$name\": [0-9]{1,3}\b" cache/check-times.json; done
	echo nonsense >cache/check-times.json
	run "$suite" one
	ends_with "1 passed, 0 failed" && grep -Eq '"one": [0-9]+' cache/check-times.json
}

@test "suite: evidence of a host that hung is told with the group that had it" {
	script hung 'for name in $LGUEST_GROUP other; do mkdir build/results/hang-1-2-3-$name; echo it hung >build/results/hang-1-2-3-$name/report; done
		touch -d "1 hour ago" build/results/hang-1-2-3-*; echo ok one'
	mkdir -p build/results/hang-1-2-2-hung; echo of another day >build/results/hang-1-2-2-hung/report
	run "$suite" hung
	[[ $output == *"evidence of a host that hung, build/results/hang-1-2-3-hung: it hung"* ]]
	[[ $output != *other* ]]
}

@test "suite: a signal ends all that runs, also what does not want to" {
	script one 'trap "" TERM; echo $$ >one.pid; touch one.runs; while :; do sleep 1; done'
	script two 'echo $$ >two.pid; touch two.runs; sleep 100'
	"$suite" --beside two one two >out 2>&1 3>&- &
	for i in $(seq 100); do [ -e one.runs ] && [ -e two.runs ] && break; sleep 0.1; done
	kill -TERM $!
	status=0; wait $! || status=$?
	[ "$status" = 130 ]
	grep -q interrupted out
	ended "$(cat one.pid)" && ended "$(cat two.pid)"
}

@test "suite: a signal ends what runs when something else has just ended" {
	python3 - "$suite" "$BATS_TEST_DIRNAME/../lib" <<-'END'
		import subprocess, sys
		sys.path.insert(0, sys.argv[2])
		import tap
		suite = tap.load(sys.argv[1]).Suite(0, {})
		gone, runs = (subprocess.Popen(command, start_new_session=True) for command in (["true"], ["sleep", "100"]))
		gone.wait()
		suite.children = [gone, runs]
		suite.interrupt()
		assert runs.poll() is not None
	END
}

@test "suite: each group of make check has its row in docs/testing.md" {
	cd "$BATS_TEST_DIRNAME/../.." || return
	groups=$(make -s --eval 'groups: ; @echo $(CHECKS)' groups)
	# The words in the table's first column: patterns, and -1-off-4 is for guests-1-off-4
	rows=$(sed -n '/^| group |/,/^$/s/^| \([^|]*\)|.*/\1/p' docs/testing.md | grep -o '`[^`]*`' | tr -d '`' | sed 's/^-/guests-/')
	set -f
	# shellcheck disable=SC2254
	wrong=$(for group in $groups; do for row in $rows; do case $group in $row) continue 2 ;; esac; done; echo "$group has no row"; done
		for row in $rows; do for group in $groups; do case $group in $row) continue 2 ;; esac; done; echo "$row is no group"; done)
	[ -n "$groups" ] && [ -z "$wrong" ] || { echo "$wrong"; return 1; }
}

@test "suite: text without a line end, told of a failure, swallows no result" {
	printf 'no end' >text
	run sh -c '. "$0"; seen=text; check 1 first; check 0 second' "$BATS_TEST_DIRNAME/../lib/tap.sh"
	ends_with 'ok second'
	[ "${lines[1]}" = '# no end' ]
}

@test "suite: tests in a host that did not come to the last of them are a failure, whatever the status says" {
	tap() { printf '%s\n' "$@" | "$BATS_TEST_DIRNAME/../lib/host-tap" a "it lives" "the end" "needs two CPUs"; }
	# As they should be: all passed, one failed, one was skipped that may be
	[ "$(tap 'ok 1 one' noise 'host: booted' '# says' 'ok the end' 'status 0')" = "$(printf '%s\n' 'ok a: one' '# booted' '# says' 'ok a: the end' 'ok a: it lives')" ]
	[ "$(tap 'not ok 1 one' 'ok the end' 'status 1')" = "$(printf '%s\n' 'not ok a: one' 'ok a: the end' 'ok a: it lives')" ]
	[ "$(tap 'ok 1 one # SKIP no KVM' 'ok the end' 'status 0' | grep -c '^ok a: ')" = 3 ]
	# And not: one that may not be skipped, no test at all, an error before the end, a status that is not the tests', a host that died
	[ "$(tap 'ok 1 one # SKIP needs two CPUs' 'ok the end' 'status 0')" = "$(printf '%s\n' 'not ok a: one (skipped: needs two CPUs)' 'ok a: the end' 'ok a: it lives')" ]
	for status in 0 1 2; do [ "$(tap 'Traceback' "status $status")" = "not ok a: it lives (status $status, and \"the end\" was not reached)" ]; done
	[ "$(tap 'not ok 1 one' 'status 1' | tail -n 1)" = 'not ok a: it lives (status 1, and "the end" was not reached)' ]
	[ "$(tap 'ok the end' 'status 1' | tail -n 1)" = 'not ok a: it lives (status 1)' ]
	[ "$(tap 'not ok the end' 'status 0' | tail -n 1)" = 'not ok a: it lives (status 0)' ]
	[ "$(tap 'ok the end' 'status 99' | tail -n 1)" = 'not ok a: it lives (status 99)' ]
	[ "$(tap 'ok the end' | tail -n 1)" = 'not ok a: it lives (status )' ]
	[ "$(tap </dev/null | tail -n 1)" = 'not ok a: it lives (status , and "the end" was not reached)' ]
}
