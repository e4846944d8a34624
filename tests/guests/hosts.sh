#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# hosts.sh LG.KO LGTEST 'HOST OPTIONS' [SUITE OPTIONS...]: suite.sh in one test host; TAP on standard output, each
# name with the host's options before it. What went wrong with the host itself is a line of its own. Ends with 0.
set -u
ko=$1 lgtest=$2 host=$3; shift 3
here=$(cd "$(dirname "$0")" && pwd)
# What a host that has two CPUs must not say
case $host in *"--smp 2"*) never='needs two CPUs' ;; *) never= ;; esac
# shellcheck disable=SC2086
{
	"$here/../host/run" $host --dmesg-clean --file "$ko" --file "$lgtest" --file "$here/suite.sh" -- "sh /suite.sh $*" 2>&1
	echo "status $?"
} | "$here/../lib/host-tap" "$(echo "$host" | sed 's/--//g; s/ /-/g')" "the host lives and its log is clean" "module: nothing in the kernel's log" "$never"
