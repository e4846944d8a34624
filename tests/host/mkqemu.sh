#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# mkqemu.sh: print the QEMU for hosts with two CPUs: a program that takes qemu-system-x86_64's arguments.
#
# QEMU 7.2 (Debian 12), with one translation thread for each CPU, may go on executing an instruction that the other CPU has patched: a
# host whose static branches change then hangs for ever (README.md). Where the installed QEMU is older than 10, this fetches 10 from
# Debian's backports, once, into the cache folder; it is not installed. Writes in the cache folder only.
set -eu
. "$(dirname "$0")/lib.sh"

installed=$(qemu-system-x86_64 --version 2>/dev/null | sed -n 's/.*version \([0-9]*\)\..*/\1/p')
if [ "${installed:-0}" -ge 10 ]; then command -v qemu-system-x86_64; exit 0; fi
here=$CACHE/qemu
dir=$here/$(hash_of "$0" "$HOSTDIR/lib.sh")
if [ -x "$dir/qemu" ]; then echo "$dir/qemu"; exit 0; fi
deps host
lock qemu
if [ -x "$dir/qemu" ]; then echo "$dir/qemu"; exit 0; fi
mkdir -p "$here"
scratch
private_apt "$(. /etc/os-release && echo "$VERSION_CODENAME")-backports" deb
fetch "$SCRATCH/new/root" qemu-system-x86 qemu-system-common qemu-system-data || die "cannot download QEMU from Debian's backports: check this machine's package mirror"
cat > "$SCRATCH/new/qemu" <<'END'
#!/bin/sh
usr=$(dirname "$(readlink -f "$0")")/root/usr
exec "$usr/bin/qemu-system-x86_64" -L "$usr/share/qemu" -L /usr/share/seabios -L /usr/share/qemu "$@"
END
chmod 755 "$SCRATCH/new/qemu"
lacks=$(ldd "$SCRATCH/new/root/usr/bin/qemu-system-x86_64" | grep 'not found' || true)
[ -z "$lacks" ] || die "QEMU from backports needs libraries that are not on this machine: $lacks"
mv "$SCRATCH/new" "$dir"
"$dir/qemu" --version >&2
echo "$dir/qemu"
