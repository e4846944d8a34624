#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# compiler.sh: FILE:PATH, one a line, of all that a machine without anything needs to compile ipc/ and core/ by `make`: this machine's compiler, its
# linker, what they are linked with, the headers that the sources include, and the sources, in /tree. Writes nothing.
set -euo pipefail
cd "$(dirname "$0")/../.."

programs=("$(command -v make)" "$(command -v gcc)")
for name in cc1 as ld; do programs+=("$(command -v "$(gcc -print-prog-name=$name)")"); done
for p in "${programs[@]}"; do
	echo "$p:$p"
	ldd "$p" | sed -nE 's/^(.*[[:space:]])?(\/[^ ]+) \(0x.*/\2:\2/p'
done | sort -u
sources=(ipc/*.c core/*.c)
gcc -std=gnu11 -O2 -D_GNU_SOURCE -I. -Ikmod/include/uapi -Ibuild/include -M "${sources[@]}" | awk '{ for (i = 1; i <= NF; i++) if ($i ~ /\.[ch]$/) print $i }' | sort -u | sed -E 's,^/.*,&:&,; s,^[^/].*,&:/tree/&,'
