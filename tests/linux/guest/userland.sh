#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs inside the guest: what a shell does all day. TAP on standard output. It also tells the guest's own time, half a minute apart, for the host to compare.
. /tap.sh

# A few readings each time: the host goes by the one that reached it soonest.
uptimes() { for _ in 1 2 3 4 5 6; do echo "uptime $1 $(cut -d' ' -f1 /proc/uptime)"; sleep 0.2; done; }
uptimes early
start=$(cut -d. -f1 /proc/uptime)	# after the readings: a busy host takes seconds for them

got=$(seq 1 2000 | sort -rn | grep -v 5 | sed 's/9/x/g' | tr 0-4 a-e | awk '{ n += length($0) } END { print NR, n }')
[ "$got" = "1458 5016" ]; check $? pipes "$got"

i=0
while [ $i -lt 500 ] && [ "$(/bin/busybox expr $i + 1)" = $((i + 1)) ]; do i=$((i + 1)); done
[ $i = 500 ]; check $? "500 times fork and exec" "the ${i}th"

sum() { find / -xdev -type f ! -name got.\* | sort | xargs md5sum | md5sum; }
n=$(find / -xdev -type f | wc -l)
sum >/tmp/got.1; sum >/tmp/got.2
[ "$n" -gt 5 ] && cmp -s /tmp/got.1 /tmp/got.2; check $? "md5sum of every file, twice" "$n files"
[ "$(md5sum </lguest/known)" = "$(cat /lguest/known.md5)" ]; check $? "the sum that the host has for a file"

caught=; trap 'caught=yes' USR1; kill -USR1 $$
[ "$caught" = yes ]; check $? "a signal is caught"
sh -c 'kill -KILL $$' 2>/dev/null; s=$?
[ $s = 137 ]; check $? "a signal kills" "$s"
(sleep 1; echo late) | (sleep 5 | true; read -r word; [ "$word" = late ]); check $? "a pipe waits for its writer"

set -m
sleep 1000 &
kill -STOP %1; sleep 1
case $(jobs) in *Stopped*) s=0 ;; *) s=1 ;; esac; check $s "a job is stopped" "$(jobs)"
bg %1 >/dev/null; sleep 1
case $(jobs) in *Running*) s=0 ;; *) s=1 ;; esac; check $s "a job is continued" "$(jobs)"
kill %1; wait %1 2>/dev/null; s=$?
[ $s = 143 ]; check $? "a job is ended" "$s"

sleep $((31 - $(cut -d. -f1 /proc/uptime) + start))
uptimes late
exit $failed
