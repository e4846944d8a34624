# SPDX-License-Identifier: GPL-2.0
#
# The part of /sbin/overlay-init that formats the writable disk of a Debian (scripts/debian-server.sh), with mke2fs and mount played, on files in place of
# /dev/vdb. A disk is formatted when it is known to be empty, and not when it is not known.

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	sed -n '/overlay-init" <<.EOF.$/,/^EOF$/p' "$BATS_TEST_DIRNAME/../../scripts/debian-server.sh" |
		sed -e '1d; /^mountpoint /,$d' -e "s,^disk=.*,disk=\$1," -e 's,\[ -b ,[ -e ,' -e 's,/dev/console,/dev/stderr,' >formats
	grep -q '^	.*mke2fs .* \$disk$' formats && grep -q '^fi$' formats	# all of that part, and nothing behind it
	mkdir bin
	printf '#!/bin/sh\necho "formatted: $*" >>said\n' >bin/mke2fs
	printf '#!/bin/sh\necho "mounted: $*" >>said\n' >bin/mount
	chmod 755 bin/*
	PATH=$PWD/bin:$PATH
}

# formats DISK: is it formatted? That it is mounted afterwards says that the end was reached.
formats() {
	: >said
	sh ./formats "$1"
	cat said
	grep -q "^mounted: .*ext4 $1 /overlay$" said
	grep -q "^formatted: .* $1$" said
}

@test "debian: a disk of zeros is formatted, one with a byte at its beginning, or at the end of its first MiB, is not" {
	truncate -s 8M zeros; formats zeros
	truncate -s 1M least; formats least
	for at in 0 524288 1048575; do
		truncate -s 0 data; truncate -s 8M data; printf x | dd of=data bs=1 seek=$at conv=notrunc 2>/dev/null
		run formats data; [ "$status" = 1 ]
	done
}

@test "debian: a disk that cannot be read is not formatted" {
	run head -c 1 /proc/self/mem; [ "$status" = 1 ]; [[ $output == *"Input/output error"* ]]	# it is such a disk
	run formats /proc/self/mem; echo "$output"; [ "$status" = 1 ]
}

@test "debian: nor is one of less than 1 MiB, which may have been cut" {
	truncate -s 1048575 short; run formats short; [ "$status" = 1 ]
	: >short; run formats short; [ "$status" = 1 ]
}
