# SPDX-License-Identifier: GPL-2.0
#
# Shared by the scripts that build something once and keep it: mkhost.sh, headers.sh, mkbochs.sh. It knows the cache folder, one
# lock per product, and how to fetch a Debian package without installing it, from this machine's own mirror. It
# writes under the cache folder only.
#
# What is kept may find itself at another place one day, where nothing is left at the old one: no file or link in the cache
# names the cache (moved.bats).

CACHE=${LGUEST_CACHE:-$HOME/.cache/lguest}
HOSTDIR=$(cd "$(dirname "$0")" && pwd)

say() { echo "${0##*/}: $*" >&2; }
die() { say "$*"; exit 1; }

# deps GROUP...: what this script needs is installed, or the script ends.
deps() { "$HOSTDIR/../../scripts/deps.sh" "$@" >&2 || die "cannot go on without these packages"; }

# One builder at a time for each product; the others wait and then find it made.
lock() {
	mkdir -p "$CACHE"
	exec 9>"$CACHE/$1.lock"
	flock -n 9 || { say "waiting for another ${0##*/} to finish"; flock 9; }
}

# A scratch folder beside the product, so that a rename puts it in place whole; gone whatever happens.
scratch() {
	SCRATCH=$(mktemp -d "$CACHE/tmp.XXXXXX")
	trap 'rm -rf "$SCRATCH"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
}

hash_of() { cat "$@" | sha256sum | cut -c1-12; }

# apt drops its rights to a user who cannot write here; as root it must be told not to.
APT='-o APT::Sandbox::User=root'

candidate() { apt-cache $APT policy "$1" 2>/dev/null | sed -n 's/^  Candidate: \([0-9].*\)/\1/p'; }

# private_apt SUITE deb|deb-src: from now on apt looks at another Debian release, through lists of its own, at
# this machine's first Debian mirror. The system's apt is not touched.
private_apt() {
	mirror=$(sed -n 's/^URIs: *\([^ ]*\).*/\1/p; s/^deb  *\(\[[^]]*\] *\)\{0,1\}\([^ ]*\) .*/\2/p' \
		/etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | head -n 1)
	[ -n "$mirror" ] || die "no Debian mirror in this machine's apt configuration: add one"
	a=$SCRATCH/apt; mkdir -p "$a/parts" "$a/lists/partial" "$a/cache/archives/partial"
	printf 'Types: %s\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n' \
		"$2" "$mirror" "$1" > "$a/parts/only.sources"
	APT="$APT -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts=$a/parts -o Dir::State::Lists=$a/lists -o Dir::Cache=$a/cache"
	say "reading the package lists of $1"
	apt-get $APT -qq update >&2 || die "apt-get update failed for $1: check this machine's package mirror"
}

# refresh_apt: the system's lists name versions that the mirror no longer has; needs root.
refresh_apt() {
	say "bringing the package lists up to date"
	if [ "$(id -u)" = 0 ]; then apt-get $APT -qq update >&2; else sudo -n apt-get -qq update >&2; fi
}

# start_by LIB PROGRAM FILE: make FILE a script that starts PROGRAM by the C library in the folder LIB. The three may move together.
start_by() {
	at=$(dirname "$3")
	cat >"$3.part" <<-END
		#!/bin/sh
		at=\$(dirname "\$(readlink -f "\$0")")
		lib=\$at/$(realpath -m --relative-to="$at" "$1")
		exec "\$lib/ld-linux-x86-64.so.2" --library-path "\$lib:\${lib%/*}" "\$at/$(realpath -m --relative-to="$at" "$2")" "\$@"
	END
	chmod 755 "$3.part"
	mv "$3.part" "$3"
}

# fetch FOLDER PACKAGE...: unpack the packages into FOLDER, installing nothing.
fetch() {
	into=$1; shift
	mkdir -p "$into" "$SCRATCH/debs"
	say "fetching $*"
	(cd "$SCRATCH/debs" && rm -f ./*.deb && apt-get $APT -qq download "$@" >&2) || return 1
	for deb in "$SCRATCH"/debs/*.deb; do dpkg-deb -x "$deb" "$into"; done
	rm -rf "$SCRATCH/debs"
}
