#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# mkcbmc.sh: put CBMC, the model checker that proves what tests/proofs/ claims, into a folder of its own, once, and print the folder.
#
# The release that this project is built on has no CBMC; trixie has. Its packages are unpacked, not installed, from this machine's own
# mirror, and its programs are run by trixie's own C library. Writes in the cache folder only; needs no root.
set -eu
. "$(dirname "$0")/../host/lib.sh"

key=$(hash_of "$0")
dir=$CACHE/cbmc/$key
[ -x "$dir/cbmc" ] && { echo "$dir"; exit 0; }
deps build
lock cbmc
[ -x "$dir/cbmc" ] && { echo "$dir"; exit 0; }
mkdir -p "$CACHE/cbmc"
scratch
private_apt trixie deb
new=$SCRATCH/new
# The release by name: what is installed here may be of another. The compiler that CBMC asks to preprocess is this machine's.
fetch "$new/root" cbmc/trixie minisat/trixie libc6/trixie libgcc-s1/trixie libstdc++6/trixie zlib1g/trixie ||
	die "cannot download CBMC from Debian trixie: check this machine's package mirror"
lib=$dir/root/usr/lib/x86_64-linux-gnu
for program in cbmc goto-cc goto-instrument; do
	printf '#!/bin/sh\nexec "%s/ld-linux-x86-64.so.2" --library-path "%s:%s" "%s" "$@"\n' "$lib" "$lib" "${lib%/*}" "$dir/root/usr/bin/$program" > "$new/$program"
	chmod 755 "$new/$program"
done
rm -rf "$dir"
mv "$new" "$dir"
"$dir/cbmc" --version > /dev/null || { rm -f "$dir/cbmc"; die "CBMC does not start from $dir"; }
say "CBMC $("$dir/cbmc" --version) is in $dir"
echo "$dir"
