#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# runs.sh LG.KO LGTEST RUNS JOBS: the host that hung once (two CPUs, no PTI, 4 levels), RUNS times, JOBS at a time. What hung was the end of
# the module after guests had run on both CPUs. So a run boots, loads, runs every third test of the suite, shortened, unloads, loads, runs one
# guest and unloads; three runs in a row are the whole suite (THIRDS=0: the whole suite in each, at three times the price). Each run is a line
# in build/guests-runs.log: when, its seconds, its status, how many tests passed and failed; lines of another lg.ko do not count, and what is
# there is not run again, so that it can be stopped at any time (MINUTES=9: by itself, between two runs) and goes on. Of a run that hangs,
# build/results/hang-* has what the host still said (tests/host/run); of one that fails, its output is kept beside the log. Prints TAP: one
# sentence at the end, which is "not ok" also when runs are missing.
set -u
cd "$(dirname "$0")/../.." || exit 1
ko=$1 lgtest=$2 runs=$3 jobs=$4
log=build/guests-runs.log
mkdir -p build/guests-runs
key=$(cat "$ko" "$lgtest" | sha256sum | cut -c1-8)
cp "$ko" "build/guests-runs/lg-$key.ko"
cp "$lgtest" "build/guests-runs/lgtest-$key"
touch "$log"

done_runs() { grep -c "^$key " "$log"; }
bad_runs() { grep "^$key " "$log" | grep -vc ' status 0 '; }

# The next third of the suite: the number is the run's, so two at a time differ
part() { [ "${THIRDS:-1}" = 0 ] && echo 1/1 || echo $(($1 % 3 + 1))/3; }

one() {
	local out status began part
	part=$(part "$1")
	out=$(mktemp build/guests-runs/run.XXXXXX)
	began=$(date +%s)
	nice tests/host/run --smp 2 --pti off --levels 4 --timeout 1800 --silence 300 --dmesg-clean --file "build/guests-runs/lg-$key.ko:/lg.ko" \
		--file "build/guests-runs/lgtest-$key:/lgtest" --file tests/guests/suite.sh:/suite.sh -- "sh /suite.sh --short --part $part" >"$out" 2>&1
	status=$?
	echo "$key $(date '+%F %T') $(($(date +%s) - began)) s status $status part $part passed $(grep -c '^ok' "$out") failed $(grep -c '^not ok' "$out")" >>"$log"
	[ $status = 0 ] && rm -f "$out"
}

worker() {
	local n=$(($(done_runs) + $1))
	while [ "$(done_runs)" -lt "$runs" ] && [ $SECONDS -lt $((${MINUTES:-100000} * 60)) ]; do
		one $n
		n=$((n + jobs))
	done
}

for i in $(seq "$jobs"); do worker "$i" & done
wait
hangs=$(grep "^$key " "$log" | grep -c ' status 124 ')
[ "$(bad_runs)" = 0 ] && [ "$(done_runs)" -ge "$runs" ] && echo "ok runs: $(done_runs) of $runs runs, none hung, none failed" ||
	echo "not ok runs: $(done_runs) of $runs runs, $hangs hung, $(($(bad_runs) - hangs)) failed: $log, build/guests-runs/, build/results/hang-*"
