# SPDX-License-Identifier: GPL-2.0
#
# lg.ko without a warning on each kernel series that it is for: built in a copy, with W=1 and sparse. It leaves kmod/ as it is.

setup_file() { cd "$BATS_TEST_DIRNAME/../.." && scripts/deps.sh kmod >&2; }

builds() { # builds SERIES
	cd "$BATS_TEST_DIRNAME/../.." && . tests/lib/module.sh || return
	work=$BATS_TEST_TMPDIR MODULE_FLAGS="W=1 C=2"
	run module "$1"
	tail -n 20 "$work/log"
	# That this machine has another pahole than the kernel was built with says nothing of our code.
	[ "$status" = 0 ] && ! grep -v 'warning: pahole version differs' "$work/log" | grep -iE 'warning|error'
}

@test "module: 6.1, W=1 and sparse" { builds 6.1; }
@test "module: 6.12, W=1 and sparse" { builds 6.12; }
@test "module: 7.3, W=1 and sparse" { builds 7.3; }

# A bug that no longer goes in is one that nobody looks for: its script, a command of its own, would say so only when it is next run
@test "module: every bug of the seeded tests can be put in" {
	cd "$BATS_TEST_DIRNAME/../.."
	for bug in tests/guests/seeded*/*.patch tests/debug/seeded/*.patch; do
		patch -s -p1 --dry-run -i "$bug" >&2 || { echo "$bug does not apply"; return 1; }
	done
}
