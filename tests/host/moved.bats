# SPDX-License-Identifier: GPL-2.0
#
# The cache at another place, and nothing at the old one: a home directory that moved, or one that CI restored elsewhere. What the builders left must work
# from where it is now. The place is another one in a mount namespace, which has no network, so that nothing can be made anew unseen.

setup_file() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	. tests/host/lib.sh
	made=$(for series in 6.1 6.12 7.3; do tests/host/mkhost.sh "$series" || exit; done && tests/host/mkqemu.sh && tests/host/mkbochs.sh && tests/proofs/mkcbmc.sh)
	export CACHE made
}

setup() { cd "$BATS_TEST_DIRNAME/../.." || return; }

# moved COMMANDS: a shell for which the cache is $LGUEST_CACHE, and the place where it was made is empty
moved() {
	mkdir "$BATS_TEST_TMPDIR/cache"
	# shellcheck disable=SC2016 # the arguments are of the shell inside
	run env LGUEST_CACHE="$BATS_TEST_TMPDIR/cache" unshare --mount --net sh -ec '
		mount --bind "$1" "$LGUEST_CACHE"
		mount -t tmpfs none "$1"
		eval "$2"' sh "$CACHE" "$1"
	echo "$output"
	[ "$status" = 0 ]
}

builds() { # builds SERIES
	cp tests/host/hello/hello.c "$BATS_TEST_TMPDIR"
	echo 'obj-m := hello.o' >"$BATS_TEST_TMPDIR/Kbuild"
	moved "make -s -C \"\$(tests/host/headers.sh $1)\" M=$BATS_TEST_TMPDIR modules"
	[ -s "$BATS_TEST_TMPDIR/hello.ko" ]
}

@test "moved cache: a module for 6.1 builds" { builds 6.1; }
@test "moved cache: a module for 6.12 builds" { builds 6.12; }
@test "moved cache: a module for 7.3 builds, by the compiler of its own Debian" { builds 7.3; }

@test "moved cache: the programs start" {
	moved '"$(tests/host/mkqemu.sh)" --version
		"$(tests/host/mkbochs.sh)/bochs" --help
		for program in cbmc goto-cc goto-instrument; do "$(tests/proofs/mkcbmc.sh)/$program" --version; done
		echo quit | "$(tests/host/mkqemu.sh)" -M q35 -display none -monitor stdio'
	[[ $output == *"QEMU emulator version"* && $output == *"Bochs x86 Emulator"* ]]
}

@test "moved cache: no file and no link of it names the place" {
	set --
	for thing in $made; do
		case $thing in
		"$CACHE"/*) thing=${thing#"$CACHE/"}; set -- "$@" "$CACHE/$(echo "$thing" | cut -d/ -f1-2)" ;;
		/usr/*) ;;	# a QEMU that is installed
		*) return 1 ;;
		esac
	done
	[ $# -ge 5 ]
	run grep -rlF "$CACHE/" "$@"
	echo "$output"
	[ "$status" = 1 ]
	run find "$@" "$CACHE/host" -maxdepth 9 -lname "$CACHE/*"
	echo "$output"
	[ "$status" = 0 ] && [ -z "$output" ]
}
