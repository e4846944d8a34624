# SPDX-License-Identifier: GPL-2.0
#
# The tarball of `make dist`, unpacked in an empty folder that is no git checkout: does it build, check, tell its journey and install
# there, and is it the same when made twice? It may write in one temporary folder. Each test goes on where the one before ended.

setup_file() {
	export work=$BATS_FILE_TMPDIR GIT_CEILING_DIRECTORIES=$BATS_FILE_TMPDIR	# no checkout above it counts
	unset MAKEFLAGS MAKELEVEL MFLAGS
	tar=$("$BATS_TEST_DIRNAME/../../scripts/dist" "$work/one") && "$BATS_TEST_DIRNAME/../../scripts/dist" "$work/two"
	mkdir "$work/tree" && tar -C "$work/tree" --strip-components=1 -xf "$tar"
}
setup() { cd "$work/tree" || return; }

@test "dist: made twice, it is the same" { cmp "$work"/one/*.tar.xz "$work"/two/*.tar.xz; }
@test "dist: make" { make -j2 all; }
@test "dist: make check-unit-vq" { make check-unit-vq; }
@test "dist: make journey" { make journey | grep -q Mastery; }
@test "dist: make journey HTML=" { make journey HTML="$work/journey.html" && grep -q '<h3 id=H100>' "$work/journey.html"; }
@test "dist: make journey --check" { scripts/journey --check; }
@test "dist: make install" { make install DESTDIR="$work/root"; }
@test "dist: every program and completion was installed" {
	for p in lguestctl lguest-guest $(printf 'lguest-%s ' run core control record replay $(cd devices && ls -d -- */build.mk | sed s,/.*,,)); do
		[ -x "$work/root/usr/local/bin/$p" ]
	done
	for c in lguest-run lguestctl; do [ -s "$work/root/usr/local/share/bash-completion/completions/$c" ]; done
}
