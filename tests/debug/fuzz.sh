#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# fuzz.sh ioctl|guest SECONDS [SEED] [HOST [LG.KO]]: one fuzzer in one test host (debug, 6.1, 6.12; debug is the default), for
# SECONDS; without a seed, a fresh one, which is printed. Ends with 0 when nobody complained. TAP and progress on standard output.
#
# What ends it early: a host that crashes (99), complains (98), or is silent for 3 minutes (124; the fuzzer speaks every 10 s). SILENCE: other
# seconds than 180, where it runs with a low priority beside others.
set -u
cd "$(dirname "$0")/../.." || exit 2
what=$1 seconds=$2 seed=${3:-} host=${4:-debug} ko=${5:-}
[ -n "$ko" ] || ko=$(tests/debug/module.sh "$host") || exit 2
case $host in debug) more="--mem 1536 --pti off" pace=10 ;; *) more="--mem 768" pace=1 ;; esac
# shellcheck disable=SC2086
tests/host/run --kernel "$host" --smp 2 $more --boot 900 --dmesg-clean --silence "${SILENCE:-180}" --timeout $((seconds + 900)) --append "panic_on_warn=1 oops=panic ${APPEND:-}" \
	--log "build/debug/fuzz-$what.console" --file "$ko:/lg.ko" --file tests/debug/inhost.sh --file tests/debug/leaks.sh --file "build/release/fuzz-$what" -- \
	"sh /inhost.sh /fuzz-$what --seconds $seconds --pace $pace ${seed:+--seed $seed} ${ROUND:+--round $ROUND}" 2>&1
status=$?
[ $status = 0 ] && echo "ok fuzz-$what on the $host host" || echo "not ok fuzz-$what on the $host host (status $status; build/debug/fuzz-$what.console)"
exit $status
