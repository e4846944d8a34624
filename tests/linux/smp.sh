#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Linux guests with several CPUs in the test host: builds what is missing, then prints TAP.
#
#	smp.sh check			the group of `make check`: 2 and 4 CPUs, and a crash with others computing
#	smp.sh run 'HOST OPTIONS' 'WHAT N'...	commands of host/smp.sh, one after the other in one host
#	smp.sh long			make linux-smp: RUNS boots spread over eight kinds of host, then storms, torture, stress-ng, kills, a host whose CPU
#					goes off, threads that are stopped, guests side by side; PARTS: some of them, or debian: the boots with
#					Debian in the guest (HOSTS='1 on 4' for one kind: CPUs, PTI, levels), or storms-debug: storms on the
#					host with every checker, with two CPUs and PTI on and off
#
# MS: how long each of smp.c's checks runs (long: 1000 a second of LONG, and so for torture and stress-ng); ROUNDS: how often CPUs go and come; NAMES: which of
# the checks; STRESSORS: which of stress-ng's; VMLINUX, MODULE: another guest kernel, another lg.ko (a seeded bug).
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/module.sh
. tests/lib/libraries.sh
B=${B:-build/release}
mkdir -p build/linux
work=$(mktemp -d build/linux/smp-XXXXXX)
trap 'rm -rf "$work"' EXIT

# The module for another kernel is built in a copy
module_for() {
	if [ "$1" = debug ]; then tests/debug/module.sh debug; return; fi
	module "$1" && echo "$work/src/kmod/lg.ko"
}

LOG='dmesg | grep -iE "warning|bug:|oops|detected stall|rcu.* stall|lockup|unable to handle|No irq handler" && exit 3'

# run 'HOST OPTIONS' 'WHAT N'...
run() {
	local options=$1 module=${MODULE:-kmod/lg.ko} kernel n guests=()
	shift
	kernel=$(guest/kernel.sh)
	case $options in *"--kernel "*) n=${options##*--kernel }; module=$(module_for "${n%% *}") ;; esac
	for n in 2 3 4 8 16; do
		case " $* " in *" $n "*) ;; *) continue ;; esac
		guests+=(--guest "checks.$n" "$B/smp:/smp" tests/lib/tap.sh:/tap.sh tests/linux/guest/smp.sh:/smp.sh "=sh /smp.sh $n ${MS:-300} ${ROUNDS:-2} ${NAMES:-}")
	done
	case " $* " in *" modules "*)
		tests/linux/torture.sh "$work"
		guests+=(--guest torture "$work/torture.ko:/torture.ko" "$work/locktorture.ko:/locktorture.ko" "$work/rcutorture.ko:/rcutorture.ko"
			tests/lib/tap.sh:/tap.sh tests/linux/guest/torture.sh:/torture.sh "=sh /torture.sh ${LONG:-10}") ;;
	esac
	case " $* " in *" stress "*)
		scripts/deps.sh stress >&2
		mapfile -t n < <(with_libraries "$(command -v stress-ng)" /stress)
		guests+=(--guest stress "${n[@]}" tests/lib/tap.sh:/tap.sh tests/linux/guest/stress.sh:/stress.sh "=sh /stress.sh ${LONG:-5} ${STRESSORS:-}") ;;
	esac
	# shellcheck disable=SC2016,SC2086
	tests/host/run --lguest / --dmesg-clean --mem 1024 $options --file "$module:/lg.ko" --file "$kernel:/vmlinux" "${guests[@]}" \
		--guest crash '=for i in 2 3 4; do while :; do :; done & done; sleep 1; echo c >/proc/sysrq-trigger' \
		--guest boot '=n=$(nproc); echo 0 >/sys/devices/system/cpu/cpu1/online; [ $(nproc) = $((n - 1)) ] || exit 2; echo 1 >/sys/devices/system/cpu/cpu1/online; '"$LOG"'; exit $((10 + $(nproc)))' \
		--guest late '=cd /sys/devices/system/cpu; echo 0 >cpu1/online; echo guest: off; read x; echo 1 >cpu1/online && exit 2; echo guest: refused; read x; sleep 2; [ "$(cat online)" = 0 ] || exit 3; echo 1 >cpu1/online || exit 4; [ "$(cat online)" = 0-1 ] || exit 5; '"$LOG"'; exit 12' \
		--file tests/linux/host/smp.sh --file tests/debug/leaks.sh \
		-- "sh /leaks.sh clear; s=0; $(printf 'sh /smp.sh %s || s=1; ' "$@")sh /leaks.sh look || s=1; exit \$s"
}

# debian 'HOST OPTIONS' N CPUS: Debian in the guest, N boots in one host
debian() {
	local image file files=()
	image=$(scripts/debian.sh)
	for file in tests/linux/host/debian.sh tests/launch/host/console.sh "$image:img" "$(guest/kernel.sh):vmlinux" "${MODULE:-kmod/lg.ko}:lg.ko"; do
		case $file in *:*) ;; *) file=$file:${file##*/} ;; esac
		files+=(--file "${file%:*}:/m/${file##*:}")
	done
	# shellcheck disable=SC2086
	tests/host/run --lguest /m --dmesg-clean --mem 1280 $1 "${files[@]}" -- "sh /m/debian.sh $2 $3"
}

# kinds HOW NAME WHAT...: HOW (a function) in each kind of host, or in those of HOSTS, as a part NAME of its own. MORE: more of the host's options
kinds() {
	local kind how=$1 smp pti levels
	shift
	while read -r smp pti levels; do
		kind="$smp $pti $levels"
		case "${HOSTS:-$kind}" in *"$kind"*) ;; *) continue ;; esac
		HOW=$how part "$1" "--smp $smp --pti $pti --levels $levels --timeout 3600${MORE:+ $MORE}" "${@:2}"
	done < <(printf '%s\n' {1,2}' '{on,off}' '{4,5})
}

# One part of the long form, whose name and host are said first
part() {
	local name=$1 s=0
	shift
	case " ${PARTS:-$name} " in *" $name "*) ;; *) return ;; esac
	echo "# $name: $1"
	"${HOW:-run}" "$@" </dev/null || s=$?
	[ $s = 0 ] || { echo "not ok smp: $name: status $s"; failed=1; }
}

long() {
	local each=$(((${RUNS:-100} + 7) / 8))
	failed=0 MS=${MS:-$((${LONG:-20} * 1000))} ROUNDS=${ROUNDS:-10} LONG=${LONG:-20}
	kinds run boots "boots $each 4"
	case " $PARTS " in *' debian '*) kinds debian debian $each 4 ;; esac
	part storms '--smp 2 --timeout 7200' 'checks 2' 'checks 4' 'checks 16'
	part storms-off '--smp 2 --pti off --levels 5 --timeout 7200' 'checks 4'
	part storms-one '--smp 1 --timeout 7200' 'checks 4'
	# Each number of CPUs twice: what the second guest leaves behind is a leak
	case " $PARTS " in *' storms-debug '*)
		MORE='--kernel debug --mem 1536 --boot 400 --timeout 14400' HOSTS=${HOSTS:-2 on 4, 2 off 4} \
			kinds run storms-debug 'checks 2' 'checks 4' 'checks 2' 'checks 4' ;;
	esac
	part beside '--smp 2 --timeout 7200' 'beside 2'
	part unplug '--smp 2 --timeout 7200' 'unplug 4'
	part stopped '--smp 2 --timeout 7200' 'stopped 2' 'stopped 4'
	part kills '--smp 2 --timeout 7200' "kills ${KILLS:-200} 4"
	part torture '--smp 2 --timeout 7200' 'modules 4'
	part stress '--smp 2 --mem 1536 --timeout 7200' 'stress 2' 'stress 4'
	return $failed
}

what=$1; shift
case $what in
check) run '--smp 2 --timeout 600' 'checks 2' 'checks 4' 'crash 4' 'late 2' ;;
run) run "$@" ;;
long) long ;;
*) echo "smp.sh: what is $what?" >&2; exit 2 ;;
esac
