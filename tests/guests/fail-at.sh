#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# fail-at.sh LGTEST: lg.ko built with LG_DEBUG=1, and a guest's whole life on it again and again: the first time with the first
# allocation failing, then the second, until there is none left. The host must live, its log be clean and no page stay
# pinned; on hosts with 4 and with 5 levels, since the latter has allocations of its own. Prints TAP.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/trial.sh
lgtest=$1
MODULE_FLAGS=LG_DEBUG=1 module 6.1
check $? "a module with fail_at builds"
for levels in 4 5; do
	tests/host/run --smp 2 --levels "$levels" --timeout 900 --dmesg-clean --file "$work/src/kmod/lg.ko:/lg.ko" --file "$lgtest:/lgtest" -- \
		"insmod /lg.ko && /lgtest --verbose fail-at memory-back --short && rmmod lg" >"$work/log" 2>&1
	check $? "every allocation fails once, $levels levels: $(sed -n 's/^# fail-at: //p' "$work/log")"
done
exit $failed
