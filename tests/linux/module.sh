#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# module.sh FOLDER: builds the module of tests/linux/module/ there, outside of the kernel's tree, as who has nothing but the headers package
# does. Prints the files made: lgprobe.ko, and two that a kernel must refuse: other.ko is for a kernel of another name, lacks.ko wants
# a function that no kernel has. VMLINUX: for another guest kernel, whose headers lie beside it.
set -euo pipefail
cd "$(dirname "$0")/../.."
headers=$(dirname "$(guest/kernel.sh)")/headers.tar.xz
mkdir -p "$1"
out=$(cd "$1" && pwd)
mkdir "$out/headers"
tar -C "$out/headers" -xf "$headers"
cp -r tests/linux/module "$out/source"
make -s -C "$out/source" KDIR="$out/headers" modules >&2
cp "$out/source/lgprobe.ko" "$out/"
sed 's/vermagic=\([0-9.]*\)-lguest/vermagic=\1-xguest/' "$out/lgprobe.ko" >"$out/other.ko"
sed 's/proc_create_single_data/proc_create_single_datx/' "$out/lgprobe.ko" >"$out/lacks.ko"
for f in other lacks; do ! cmp -s "$out/lgprobe.ko" "$out/$f.ko" || { echo "module.sh: $f.ko is no other than lgprobe.ko" >&2; exit 1; }; done
rm -rf "$out/headers" "$out/source"
echo "$out"/{lgprobe,other,lacks}.ko
