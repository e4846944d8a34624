# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# trial.sh: for scripts on the build machine that try lg.ko in a test host, often one with a bug in it, and judge what was said there; to be
# sourced from the tree's top, with tap.sh and module.sh in it. $work is a folder of the script's own, which goes when it ends; what the last
# build or host said is $work/log, and shown when something fails.
. tests/lib/tap.sh
. tests/lib/module.sh
work=$(mktemp -d "/var/tmp/lguest-$(basename "$0" .sh).XXXXXX")
trap 'rm -rf "$work"' EXIT
seen=$work/log

# put_in NAME KERNEL COMMAND...: the module with a bug, as module() makes it
put_in() {
	local name=$1; shift
	module "$@"
	check $? "$name: is put in and builds"
}

# put_in_patch PATCH KERNEL: the same, of a patch with its name
put_in_patch() { put_in "$(basename "$1" .patch)" "$2" patch -s -p1 -i "$PWD/$1"; }
