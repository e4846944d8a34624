#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# check.sh SERIES...: builds lg.ko for each kernel series in a copy, with W=1 and sparse, and takes any warning for a failure. TAP on
# standard output, what was said on standard error. It leaves kmod/ as it is.
set -u
cd "$(dirname "$0")/../.." || exit 1
scripts/deps.sh kmod >&2 || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for series; do
	copy=$work/$series
	mkdir "$copy"
	find kmod -name '*.[chS]' ! -name '*.mod.c' -o -name Kbuild | sed 's,^kmod/,,' | (cd kmod && cpio --quiet -pdm "$copy")
	make -C "$(tests/host/headers.sh "$series")" M="$copy" W=1 C=2 modules >"$work/log" 2>&1
	status=$?
	# That this machine has another pahole than the kernel was built with says nothing of our code.
	if [ $status = 0 ] && ! grep -v 'warning: pahole version differs' "$work/log" | grep -iE 'warning|error' >&2; then echo "ok module: $series, W=1 and sparse"
	else echo "not ok module: $series, W=1 and sparse (status $status)"; tail -n 20 "$work/log" >&2; fi
done
