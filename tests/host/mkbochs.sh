#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# mkbochs.sh: build Bochs 3.0 from Debian's source, once, and print its folder: bochs (the program) and root/ (its BIOS).
#
# Bochs is the second emulated host because it models what QEMU's emulation leaves out and real processors have: global TLB entries
# that outlive a MOV CR3, PCID, INVPCID, XSAVES. It takes two to three minutes of one CPU. The source is trixie's, through a
# private apt folder at this machine's own mirror; nothing of it is installed. Writes in the cache folder only.
set -eu
. "$(dirname "$0")/lib.sh"

here=$CACHE/bochs
text=$(hash_of "$0" "$HOSTDIR/lib.sh" "$HOSTDIR/bochs-tlb.patch")
dir=$here/$text

[ -d "$dir" ] && { echo "$dir"; exit 0; }
deps bochs
lock bochs
[ -d "$dir" ] && { echo "$dir"; exit 0; }
mkdir -p "$here"
scratch

private_apt trixie deb-src
say "fetching Bochs's source"
# Debian's patches are not needed, so a mirror that has the original tarball alone (no .dsc) will do.
(cd "$SCRATCH" && apt-get $APT -qq source --download-only bochs >said 2>&1) || true
[ -s "$(echo "$SCRATCH"/bochs_3.*.orig.tar.*)" ] || cat "$SCRATCH/said" >&2
[ -s "$(echo "$SCRATCH"/bochs_3.*.orig.tar.*)" ] ||
	die "cannot download the source of Bochs 3 from Debian trixie: check this machine's package mirror"
new=$SCRATCH/new; mkdir "$new"
APT='-o APT::Sandbox::User=root'
fetch "$new/root" bochsbios vgabios || { refresh_apt && fetch "$new/root" bochsbios vgabios; } ||
	die "cannot download bochsbios and vgabios: check this machine's package mirror"
mkdir "$SCRATCH/src"
tar -xf "$SCRATCH"/bochs_3.*.orig.tar.* -C "$SCRATCH/src" --strip-components=1

# Bochs hands out its memory in blocks in the order of first use, but loads a file into "RAM" (optramimage) as if they were in
# the order of their addresses. Its source has the mapping that makes it so, switched off by an "if (0)".
cd "$SCRATCH/src"
sed -i 's/^  if (0) {$/  if (host >= guest) {/' memory/memory_stub.cc
grep -q 'if (host >= guest)' memory/memory_stub.cc || die "this Bochs lays out memory in another way: revise mkbochs.sh"

patch -s -p1 <"$HOSTDIR/bochs-tlb.patch" || die "bochs-tlb.patch does not fit this Bochs: revise it"

say "building Bochs (one to three minutes)"
./configure --enable-x86-64 --enable-cpu-level=6 --enable-smp --enable-avx --enable-evex --enable-cet \
	--enable-protection-keys --enable-monitor-mwait --enable-repeat-speedups --enable-fast-function-calls \
	--enable-alignment-check --disable-debugger --disable-docbook --with-nogui \
	CFLAGS=-O2 CXXFLAGS=-O2 >"$here/build.log" 2>&1 &&
	nice make -j2 >>"$here/build.log" 2>&1 || { tail -n 15 "$here/build.log" >&2; die "Bochs did not build: see $here/build.log"; }
strip -o "$new/bochs" bochs
mv "$new" "$dir"
say "Bochs is in $dir"
find "$here" -mindepth 1 -maxdepth 1 -type d -mmin +240 ! -path "$dir" -exec rm -rf {} +
echo "$dir"
