#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A guest kernel in which sethostname() turns interrupts off and never returns:

    spinning.py VMLINUX COPY

A Linux that hangs in the worst way cannot be had by asking it, and our patches have no code for tests: so the first bytes of
one system call that no test needs become a call of lguest_irq_disable and a jump to itself. It writes COPY only.
"""

import struct
import subprocess
import sys


def address(vmlinux, symbol):
    for line in subprocess.run(["nm", vmlinux], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines():
        words = line.split()
        if words[-1] == symbol:
            return int(words[0], 16)
    sys.exit(f"spinning: {vmlinux} has no {symbol}")


def file_offset(image, at):
    """Where in the file the byte at virtual address @at is, by the program headers of an ELF64 file."""
    start, size, count = struct.unpack_from("<Q", image, 32)[0], *struct.unpack_from("<HH", image, 54)
    for i in range(count):
        kind, _, offset, virtual, _, length = struct.unpack_from("<IIQQQQ", image, start + i * size)
        if kind == 1 and virtual <= at < virtual + length:
            return offset + at - virtual
    sys.exit(f"spinning: address {at:#x} is in no segment")


def main(vmlinux, copy):
    with open(vmlinux, "rb") as f:
        image = bytearray(f.read())
    victim = address(vmlinux, "__x64_sys_sethostname")
    call = struct.pack("<Bi", 0xe8, address(vmlinux, "lguest_irq_disable") - (victim + 5))
    at = file_offset(image, victim)
    image[at:at + 7] = call + b"\xeb\xfe"
    with open(copy, "wb") as f:
        f.write(image)


main(*sys.argv[1:])
