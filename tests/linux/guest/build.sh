#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs on a machine with tests/bench/compiler.sh's files, for `report.py build`: compiles them twice, as many at a time as there are CPUs. A line
# "bench: NAME TICKS CPUS 1" for each time, in billionths of a second by this machine's clock, and the sum of what was made.
export PATH=/bin:/usr/bin
cd /tree || exit 1
cat >Makefile <<'X'
objects := $(patsubst %.c,%.o,$(wildcard ipc/*.c core/*.c))
all.o: $(objects)
	ld -r -o $@ $^
%.o: %.c
	gcc -std=gnu11 -O2 -D_GNU_SOURCE -I. -Ikmod/include/uapi -Ibuild/include -c -o $@ $<
X
clock() { cut -d' ' -f1 /proc/uptime | tr -d . | sed 's/^0*//'; }
for name in build-first build-again; do
	rm -f all.o ipc/*.o core/*.o
	from=$(clock)
	make -s -j"$(nproc)" all.o || exit 1
	echo "bench: $name $((($(clock) - from) * 10000000)) $(nproc) 1"
done
echo "sum: $(md5sum <all.o)"
