#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# suite.sh LGTEST: the guests' suite, shortened, on the debug host, with 2 CPUs; then what its checkers say of the whole. TAP on standard
# output. A complaint of the kernel's is a line of its own, with the kernel's words.
set -u
cd "$(dirname "$0")/../.." || exit 2
lgtest=$1
ko=$(tests/debug/module.sh debug) || exit 2
{
	tests/host/run --kernel debug --smp 2 --pti off --mem 1536 --boot 400 --silence 600 --timeout 7200 --dmesg-clean \
		--log build/debug/suite.console --file "$ko:/lg.ko" --file tests/debug/inhost.sh --file "$lgtest:/lgtest" -- \
		'sh /inhost.sh /lgtest --all --short' 2>&1
	echo "status $?"
} | sed -nE '
	s/^ok ([0-9]+ )?(.*)/ok debug: \2/p
	s/^not ok ([0-9]+ )?(.*)/not ok debug: \2/p
	s/^host: (.*)/# \1/p
	/^# /p
	s/^status ([01])$/ok debug: no checker of the kernel complained/p
	s/^status (.*)/not ok debug: no checker of the kernel complained (status \1; build\/debug\/suite.console)/p'
