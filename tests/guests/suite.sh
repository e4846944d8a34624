#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs inside the test host, where lg.ko and lgtest lie beside it: load the module, every test once, the hostile ones
# again and again, unload, and what the kernel's log says. TAP on standard output. It judges nothing else.
#
#	suite.sh [--short] [--repeat N] [--part I/N] [--test NAME]	N times for the hostile tests (default 0: only within --all); every N-th test only; that one alone
cd "$(dirname "$0")" || exit 1
short= repeat=0 part=1/1 which=--all
while [ $# -gt 0 ]; do
	case $1 in
	--short) short=--short ;;
	--repeat) repeat=$2; shift ;;
	--part) part=$2; shift ;;
	--test) which=$2; shift ;;
	*) echo "suite.sh: what is $1?" >&2; exit 2 ;;
	esac
	shift
done
. /test/tap.sh
loads() { insmod ./lg.ko; }
unloads() { rmmod lg; }
again() { insmod ./lg.ko && ./lgtest hello | grep -q '^ok' && rmmod lg; }
# What ends lgtest before its last test (2 is its own word for that, a signal is more) hides the tests that are left
tests() {
	./lgtest "$@" $short
	code=$?
	[ $code = 0 ] || failed=1
	[ $code -le 1 ]; check $? "lgtest $1: came to its last test" "status $code"
}
# Warnings and worse, but for those that tests make: user processes' faults, and CPUs that go and come.
clean() {
	! dmesg -r 2>/dev/null | grep -E '^<[0-4]>|WARNING|BUG|stall' | grep -vE "$known"
}
known='Memory failure: 0x|Could not switch to high resolution mode|hrtimer: interrupt took|loading out-of-tree module|module verification failed|traps: |segfault at|Disabling IRQ|process .lgtest. is using'
dmesg -c >/dev/null 2>&1

loads; check $? "module: loads"
tests "$which" --part "$part"
if [ "$repeat" -gt 0 ]; then
	tests --hostile --repeat "$repeat"
fi
unloads; check $? "module: unloads behind all tests"
again; check $? "module: loads, runs and unloads again"
clean; check $? "module: nothing in the kernel's log"
exit $failed
