#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# hosts.sh LG.KO LGTEST 'HOST OPTIONS' [SUITE OPTIONS...]: suite.sh in one test host; TAP on standard output, each
# name with the host's options before it. What went wrong with the host itself is a line of its own. Ends with 0.
set -u
ko=$1 lgtest=$2 host=$3; shift 3
here=$(cd "$(dirname "$0")" && pwd)
name=$(echo "$host" | sed 's/--//g; s/ /-/g')
# What a host that has two CPUs must not say
case $host in *"--smp 2"*) never='needs two CPUs' ;; *) never='nothing of that kind' ;; esac
# shellcheck disable=SC2086
{
	"$here/../host/run" $host --dmesg-clean --file "$ko" --file "$lgtest" --file "$here/suite.sh" -- "sh /suite.sh $*" 2>&1
	echo "status $?"
} | sed -nE "
	s/^ok ([0-9]+ )?(.*) # SKIP $never/not ok $name: \2 (skipped: $never)/p
	t
	s/^ok ([0-9]+ )?(.*)/ok $name: \2/p
	s/^not ok ([0-9]+ )?(.*)/not ok $name: \2/p
	s/^host: (.*)/# \1/p
	/^# /p
	s/^status ([01])\$/ok $name: the host lives and its log is clean/p
	s/^status (.*)/not ok $name: the host lives and its log is clean (status \1)/p"
