#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Lays out a kernel, its initramfs and its boot parameters in the emulated machine's memory, ready to be entered by boot.S.

The pieces go to QEMU as one ELF file with a PVH note, to Bochs as files that it loads at given addresses and an option ROM. It
reads the kernel and the initramfs, and writes the files it is told to.
"""

import struct

MIB = 1 << 20
BASE = 0x800000             # boot.S (BOOT_BASE), then one page each of what follows
BOOT_PARAMS, CMDLINE, PML5, PML4, PDPT, PD = (BASE + 0x1000 * i for i in range(1, 7))
CR4_PAE, CR4_LA57 = 0x20, 0x1000
LARGEST = 2048              # MiB of memory: beyond, QEMU and Bochs lay it out differently
ACPI_TOP = 0x10000          # what Bochs's BIOS keeps at the top of memory for its tables


def elf_segments(path):
    """The loadable pieces of an ELF kernel as (physical address, bytes), and its physical entry address."""
    with open(path, "rb") as f:
        elf = f.read()
    entry, phoff = struct.unpack_from("<QQ", elf, 24)
    size, count = struct.unpack_from("<HH", elf, 54)
    pieces = []
    for i in range(count):
        kind, _, offset, _, physical, length = struct.unpack_from("<IIQQQQ", elf, phoff + i * size)
        if kind == 1 and length:  # PT_LOAD
            pieces.append((physical, elf[offset:offset + length]))
    return pieces, entry


def page_tables():
    """Identity mapping of the first 4 GiB in 2 MiB pages, under a 4-level and a 5-level root: (address, bytes)."""
    tables = bytearray(0x1000 * 7)

    def put(table, index, value):
        struct.pack_into("<Q", tables, table - PML5 + index * 8, value)

    put(PML5, 0, PML4 | 3)
    put(PML4, 0, PDPT | 3)
    for i in range(4):
        put(PDPT, i, (PD + 0x1000 * i) | 3)
    for i in range(2048):
        put(PD, i, i * 2 * MIB | 0x83)
    return PML5, bytes(tables)


def boot_params(cmdline, initramfs_at, initramfs_size, mem):
    """The "zero page" (Documentation/arch/x86/zero-page.rst): where things are, and the map of memory."""
    page = bytearray(0x1000)
    top = mem * MIB - ACPI_TOP
    e820 = [(0, 0x9fc00, 1), (0x9fc00, 0x400, 2), (0xe0000, 0x20000, 2), (MIB, top - MIB, 1), (top, ACPI_TOP, 3)]
    page[0x1e8] = len(e820)
    for i, (start, size, kind) in enumerate(e820):
        struct.pack_into("<QQI", page, 0x2d0 + i * 20, start, size, kind)
    struct.pack_into("<H", page, 0x1fe, 0xaa55)
    struct.pack_into("<4sH", page, 0x202, b"HdrS", 0x20f)
    page[0x210] = 0xff      # type_of_loader: unregistered
    page[0x211] = 1         # loadflags: loaded high
    struct.pack_into("<II", page, 0x218, initramfs_at, initramfs_size)
    struct.pack_into("<I", page, 0x228, CMDLINE)
    assert len(cmdline) < 0x1000
    return bytes(page)


def layout(host, initramfs, cmdline, mem, levels):
    """All pieces of memory as (physical address, bytes) for a machine with mem MiB, and boot.S's option ROM."""
    pieces, entry = elf_segments(f"{host}/vmlinux")
    with open(initramfs, "rb") as f:
        initrd = f.read()
    at = (mem * MIB - ACPI_TOP - len(initrd)) & ~0xfffff
    end = max(physical + len(data) for physical, data in pieces)
    if at < end + 32 * MIB:
        raise ValueError(f"{mem} MiB of memory do not hold the kernel and an initramfs of {len(initrd) // MIB} MiB: raise --mem")
    with open(f"{host}/boot.bin", "rb") as f:
        start = bytearray(f.read())
    cr4, cr3 = (CR4_PAE | CR4_LA57, PML5) if levels == 5 else (CR4_PAE, PML4)
    struct.pack_into("<IIQQ", start, 8, cr4, cr3, entry, BOOT_PARAMS)
    text = cmdline.encode() + b"\0"
    pieces += [(BASE, bytes(start)), (BOOT_PARAMS, boot_params(text, at, len(initrd), mem)), (CMDLINE, text),
               page_tables(), (at, initrd)]
    with open(f"{host}/boot.rom", "rb") as f:
        rom = bytearray(f.read())
    rom[-1] = -sum(rom) & 0xff
    return pieces, bytes(rom)


def write_elf(path, pieces):
    """An ELF file whose PVH note (XEN_ELFNOTE_PHYS32_ENTRY) names boot.S, for QEMU's -kernel."""
    note = struct.pack("<III4sQ", 4, 8, 18, b"Xen\0", BASE)
    count = len(pieces) + 1
    offset = 64 + 56 * count
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 2, 62, 1, BASE, 64, 0, 0, 64, 56, count, 0, 0, 0)
    program = struct.pack("<IIQQQQQQ", 4, 4, offset, 0, 0, len(note), len(note), 4)
    offset += len(note)
    for physical, data in pieces:
        program += struct.pack("<IIQQQQQQ", 1, 7, offset, physical, physical, len(data), len(data), 1)
        offset += len(data)
    with open(path, "wb") as out:
        out.write(header + program + note)
        for _, data in pieces:
            out.write(data)


def write_images(folder, pieces, rom):
    """The pieces as at most four files for Bochs, whose configuration lines are returned."""
    lines = [f"optromimage1: file={folder}/rom, address=0xd0000"]
    with open(f"{folder}/rom", "wb") as out:
        out.write(rom)
    runs = []
    for physical, data in sorted(pieces):
        # Neighbours become one file; the gaps between the kernel's parts are small.
        if runs and physical - runs[-1][0] - len(runs[-1][1]) < 4 * MIB:
            runs[-1][1].extend(b"\0" * (physical - runs[-1][0] - len(runs[-1][1])) + data)
        else:
            runs.append((physical, bytearray(data)))
    assert len(runs) <= 4
    for i, (physical, data) in enumerate(runs, 1):
        with open(f"{folder}/ram{i}", "wb") as out:
            out.write(data)
        lines.append(f"optramimage{i}: file={folder}/ram{i}, address={physical:#x}")
    return lines
