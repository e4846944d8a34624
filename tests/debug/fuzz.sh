#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# fuzz.sh ioctl|guest SECONDS [SEED] [HOST [LG.KO]]: one fuzzer in one test host (debug, 6.1, 6.12; debug is the default), for
# SECONDS; without a seed, a fresh one, which is printed. Ends with 0 when nobody complained. TAP and progress on standard output.
#
# fuzz.sh --limit SECONDS: prints how long that may take with the host's boot.
#
# What ends it early: a host that crashes (99), complains (98), or is silent for 3 minutes (124; the fuzzer speaks every 10 s). SILENCE: other
# seconds than 180, where it runs with a low priority beside others. QEMU 10 itself dies when a guest loads segment register 7 from memory
# (tests/host/README.md): that is told from a host's crash by the task register, which is null then, and the fuzzer goes on in a new host with
# the next seed for the seconds that are left.
set -u
cd "$(dirname "$0")/../.." || exit 2
boot=900
[ "$1" != --limit ] || { echo $(($2 + boot)); exit; }
what=$1 seconds=$2 seed=${3:-} host=${4:-debug} ko=${5:-}
[ -n "$ko" ] || ko=$(tests/debug/module.sh "$host") || exit 2
case $host in debug) more="--mem 1536 --pti off" pace=10 ;; *) more="--mem 768" pace=1 ;; esac
out=build/debug/fuzz-$what.out
began=$(date +%s)
deaths=0

# One host; its output goes to $out too, and its status to $out.status
host() {
	# shellcheck disable=SC2086
	tests/host/run --kernel "$host" --smp 2 $more --boot $boot --dmesg-clean --silence "${SILENCE:-180}" --timeout $(($1 + boot)) --append "panic_on_warn=1 oops=panic ${APPEND:-}" \
		--log "build/debug/fuzz-$what.console" --file "$ko:/lg.ko" --file tests/debug/inhost.sh --file tests/debug/leaks.sh --file "build/release/fuzz-$what" -- \
		"sh /inhost.sh /fuzz-$what --seconds $1 --pace $pace ${seed:+--seed $seed} ${ROUND:+--round $ROUND}" 2>&1
	echo $? > "$out.status"
}

# Whether the emulator died, and by its own fault: the register is null, and nothing but that load makes it so (lg.ko has no LTR)
emulators_fault() {
	kept=$(sed -n 's/.*qemu: fatal: invalid tss (all of it: \(.*\))$/\1/p' "$out" | tail -n 1)
	[ -n "$kept" ] && grep -q '^TR =0000 0000000000000000 00000000 00000000' "$kept"
}

while :; do
	left=$((seconds - $(date +%s) + began))
	[ "$deaths" = 0 ] && left=$seconds
	host "$left" | tee "$out"
	status=$(cat "$out.status")
	if [ "$status" = 0 ] || ! emulators_fault || [ $deaths -ge 20 ] || [ $((seconds - $(date +%s) + began)) -lt 10 ]; then break; fi
	deaths=$((deaths + 1))
	seed=$(($(sed -n 's/.*: seed \([0-9]*\) (repeat.*/\1/p' "$out" | tail -n 1) + 1)) ROUND=
	echo "# the emulator died by its own fault ($kept), not the host: on with seed $seed"
done
[ "$status" = 0 ] && echo "ok fuzz-$what on the $host host" || echo "not ok fuzz-$what on the $host host (status $status; build/debug/fuzz-$what.console)"
exit "$status"
