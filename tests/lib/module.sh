# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# For scripts on the build machine that run lg.ko with a bug in it, sourced beside tap.sh from the tree's top: $work is the caller's folder.
# It leaves kmod/ as it is.

MODULE_LIMIT=300	# seconds that a build may take

# module KERNEL [COMMAND...]: lg.ko for a test host's kernel, built in $work/src/kmod from a copy of kmod/. COMMAND, run in $work/src, puts
# the bug in: 1 when it changes nothing, since that must not pass for a bug. make's words are in $work/log; MODULE_FLAGS go to it.
module() {
	local kernel=$1; shift
	rm -rf "$work/src" && mkdir -p "$work/src"
	find kmod \( -name '*.[chS]' -o -name Kbuild \) ! -name '*.mod.c' | cpio --quiet -pdm "$work/src"
	if [ $# != 0 ]; then
		(cd "$work/src" && "$@") >"$work/log" 2>&1 && diff -rq kmod "$work/src/kmod" | grep -q ' differ$' || return 1
	fi
	# shellcheck disable=SC2086
	timeout $MODULE_LIMIT make -s -C "$(tests/host/headers.sh "$kernel")" M="$(realpath "$work")/src/kmod" ${MODULE_FLAGS-} modules >>"$work/log" 2>&1
}
