#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# seeded.sh: put each bug of tests/fuzz/seeded/TARGET-NAME.patch into a copy of the sources and see its fuzz target find
# it, from an empty corpus, within LIMIT seconds (300). Prints TAP lines with the time that each took.
set -u
cd "$(dirname "$0")/../.." || exit 2
LIMIT=${LIMIT:-300}
work=$(mktemp -d /var/tmp/lguest-seeded.XXXXXX)
trap 'rm -rf "$work"' EXIT
fails=0
for patch in tests/fuzz/seeded/*.patch; do
	name=$(basename "$patch" .patch)
	target=${name%%-*}
	rm -rf "$work/src"
	mkdir "$work/src"
	cp -r Makefile VERSION devices ipc policy include tests core run guest kmod scripts docs "$work/src/" 2>/dev/null
	if ! patch -s -p1 -d "$work/src" < "$patch"; then
		echo "not ok $name: the patch does not apply"
		fails=$((fails + 1))
		continue
	fi
	if ! make -s -C "$work/src" "build/release/fuzz/$target" > "$work/log" 2>&1; then
		echo "not ok $name: does not build"
		tail -n 5 "$work/log" | sed 's/^/# /'
		fails=$((fails + 1))
		continue
	fi
	mkdir -p "$work/corpus-$name"
	start=$(date +%s)
	"$work/src/build/release/fuzz/$target" -max_total_time="$LIMIT" -max_len=512 -verbosity=0 \
		-artifact_prefix="$work/" "$work/corpus-$name" > "$work/log" 2>&1
	rc=$?
	took=$(($(date +%s) - start))
	# A finding leaves the input that showed it; any other end is not one.
	if [ $rc != 0 ] && ls "$work"/crash-* > /dev/null 2>&1; then
		rm -f "$work"/crash-*
		echo "ok $name found in $took s: $(sed -n 's/^fuzz: //p; s/^SUMMARY: //p' "$work/log" | head -n 1 | cut -c1-110)"
	else
		echo "not ok $name not found in $took s (status $rc)"
		fails=$((fails + 1))
	fi
done
exit $((fails != 0))
