#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# apf.sh LG.KO LGTEST: asynchronous page faults of a hypervisor below the host, played by apf/apf.c. Guests must pass beside them, and each must have
# been taken by lg.ko: one that stays is taken for the host's next page fault, which ends real hosts. Prints TAP.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/trial.sh
ko=$1 lgtest=$2

cp tests/guests/apf/* "$work/"
make -s -C "$(tests/host/headers.sh 6.1)" M="$work" modules >"$work/log" 2>&1
check $? "apf: the part of the hypervisor builds"
# shellcheck disable=SC2016
tests/host/run --smp 1 --timeout 110 --dmesg-clean --file "$work/apf.ko:/apf.ko" --file "$ko:/lg.ko" --file "$lgtest:/lgtest" -- \
	'insmod /lg.ko && insmod /apf.ko place=0x$(sed -n "s/ . apf_reason$//p" /proc/kallsyms) || exit 1
	 /lgtest --short page-fill busy syscalls roots-5 lose-all
	 cd /sys/module/apf/parameters; echo "# marked $(cat marked) taken $(cat taken)"; rmmod apf; rmmod lg' >"$work/log" 2>&1
status=$?
sed -nE 's/^(not )?ok ([0-9]+ )?(.*)/\1ok apf: \3/p; /^# marked/p' "$work/log"
[ "$(grep -c '^ok ' "$work/log")" = 5 ]
check $? "apf: every guest passes beside it"
taken=$(sed -n 's/^# marked .* taken //p' "$work/log")
[ "${taken:-0}" -ge 5 ]
check $? "apf: lg.ko takes them"
check $status "apf: the host lives and its log is clean"
