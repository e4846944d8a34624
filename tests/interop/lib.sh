# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# lib.sh: a back end of ours and a QEMU in front of it, for the scripts here; to be sourced from the tree's top. KEEP=1 keeps $WORK, with the
# logs. BIN is the build folder.
. tests/lib/tap.sh
BIN=$(realpath "${BIN:-build/release}")
WORK=$(mktemp -d /var/tmp/lguest-interop.XXXXXX)
back=

stop() { [ -z "$back" ] || { kill "$back" 2>/dev/null; wait "$back" 2>/dev/null; back=; }; }
finish() { stop; [ -n "${KEEP-}" ] || rm -rf "$WORK"; }
trap finish EXIT

# start COMMAND...: a back end on $WORK/sock, until it listens
start() {
	rm -f "$WORK/sock"
	"$@" --socket-path="$WORK/sock" 2>"$WORK/back.log" &
	back=$!
	for _ in $(seq 50); do listens "$WORK/sock" && return; sleep 0.1; done
	cat "$WORK/back.log" >&2
}

# front MIB CHARDEV OPTION...: a machine with so much memory, which the back end on the character device CHARDEV shares, in tests/host/run
# with the options; what it prints is in $WORK/out
front() {
	local mem=$1 chardev=$2; shift 2
	tests/host/run --mem "$mem" --log "$WORK/console" --qemu=-object --qemu="memory-backend-memfd,id=ram,size=${mem}M,share=on" \
		--qemu=-machine --qemu=q35,acpi=on,memory-backend=ram --qemu=-chardev --qemu="socket,path=$WORK/sock,$chardev" "$@" >"$WORK/out" 2>"$WORK/err"
}

told() { quoted "$WORK/out"; }
