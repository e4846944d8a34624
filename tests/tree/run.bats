# SPDX-License-Identifier: GPL-2.0
#
# `make run` in a tree whose scripts/run.sh only says what it was given: every setting that the real one reads, the command as it was
# written, and its exit status. Once as make's own process (scripts/make_exec.c), once as its child, where make cannot load that.

setup() {
	unset MAKEFLAGS MAKELEVEL MFLAGS CPUS DEBIAN LGUEST_CACHE MEMORY TAP TIMEOUT
	tree=$BATS_TEST_DIRNAME/../..
	settings=$(grep -o '\${[A-Z_]\{2,\}[:-]' "$tree/scripts/run.sh" | tr -d '${:-' | sort -u)	# ${NAME:-default}, ${NAME-}
	cd "$BATS_TEST_TMPDIR" || return
	mkdir scripts
	for f in "$tree"/*; do [ "${f##*/}" = scripts ] || [ "${f##*/}" = build ] || ln -s "$(realpath "$f")" .; done
	for f in "$tree"/scripts/*; do [ "${f##*/}" = run.sh ] || ln -s "$(realpath "$f")" scripts; done
	printf '#!/bin/sh\necho "command <$1>"; env; ps -o comm= -p $PPID; exit 7\n' >scripts/run.sh
	chmod +x scripts/run.sh
}

# given ARGUMENTS: each setting that run.sh reads has arrived, with what `make run ARGUMENTS` said
given() {
	local name
	run make run "$@" LGUEST_CACHE=/var/tmp/none $(for name in $settings; do echo "$name=7$name"; done)
	for name in $settings; do
		[[ $'\n'$output$'\n' == *$'\n'"$name=7$name"$'\n'* ]] || { echo "$name was lost; run.sh got:"; echo "$output"; return 1; }
	done
	[[ $'\n'$output$'\n' == *$'\n'LGUEST_CACHE=/var/tmp/none$'\n'* ]]
}

@test "run: every setting reaches run.sh, which takes make's place, and its status is make's" {
	[ "$(wc -w <<<"$settings")" -ge 5 ]	# CPUS DEBIAN MEMORY TAP TIMEOUT
	given
	[ "$status" = 7 ] && [[ ${lines[-1]} != make ]]
}

@test "run: also as make's child, where make cannot load its plug-in" {
	given CC=false
	[ "$status" = 2 ]
}

@test "run: the command arrives as it was written" {
	run make run CMD='echo "a  b" $HOME $(nothing) '"it's"' #; exit 3'
	[ "${lines[0]}" = "command <"'echo "a  b" $HOME $(nothing) '"it's"' #; exit 3>' ] || { echo "$output"; return 1; }
}
