#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# suite.sh LGTEST [suite [I/N] | linux]: on the debug host, with 2 CPUs: the guests' suite, shortened (I/N: every N-th test), and Linux
# guests, of one CPU and of two, that boot, and whose core is killed at any instant; then what the host's checkers say of each of the two. TAP on
# standard output. A complaint of the kernel's is a line of its own, with the kernel's words.
set -u
cd "$(dirname "$0")/../.." || exit 2
lgtest=$1 what=${2:-} part=${3:-1/1}
options='--kernel debug --smp 2 --pti off --mem 1536 --boot 400 --silence 600 --timeout 7200'

# What the host printed, with its status as a last line, as TAP
verdict() { # verdict CONSOLE
	tests/lib/host-tap debug "no checker of the kernel complained (build/debug/$1)" "kernel: no memory leaked"
}

if [ "$what" != linux ]; then
	ko=$(tests/debug/module.sh debug) || exit 2
	{
		# shellcheck disable=SC2086
		tests/host/run $options --dmesg-clean --log build/debug/suite.console --file "$ko:/lg.ko" --file tests/debug/inhost.sh \
			--file tests/debug/leaks.sh --file "$lgtest:/lgtest" -- "sh /inhost.sh /lgtest --all --short --part $part" 2>&1
		echo "status $?"
	} | verdict suite.console
fi
if [ "$what" != suite ]; then
	{
		tests/linux/check.sh "$options --log build/debug/linux.console" 'boots 1' 'kills 5' 'cpus 2 boots 1' 'cpus 2 kills 5' 2>&1
		echo "status $?"
	} | verdict linux.console
fi
