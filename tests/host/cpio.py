#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Writes initramfs archives ("newc", Documentation/driver-api/early-userspace/buffer-format.rst).

As a program:	cpio.py ARCHIVE SOURCE:DESTINATION...
As a module:	Archive, which `run` fills with the files that a test names.

It exists so that a test's files go into the host straight from where they lie, under the names the test wants, owned by
root, with no copy on disk. It reads what it is told to add and writes one archive.
"""

import os
import stat
import sys


class Archive:
    """A newc archive being written to a binary file; close() ends it. Folders on the way to a name are made."""

    def __init__(self, out):
        self.out = out
        self.inode = 0
        self.folders = set()

    def _entry(self, name, mode, data):
        name = name.lstrip("/").encode() + b"\0"
        self.inode += 1
        fields = (self.inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0)
        head = b"070701" + b"".join(b"%08X" % f for f in fields) + name
        self.out.write(head + b"\0" * (-len(head) % 4))
        self.out.write(data)
        self.out.write(b"\0" * (-len(data) % 4))

    def _parents(self, name):
        parts = name.strip("/").split("/")[:-1]
        for i in range(1, len(parts) + 1):
            self.folder("/".join(parts[:i]))

    def folder(self, name):
        name = name.strip("/")
        if name and name not in self.folders:
            self._parents(name)
            self.folders.add(name)
            self._entry(name, stat.S_IFDIR | 0o755, b"")

    def file(self, name, data, mode=0o644):
        self._parents(name)
        self._entry(name, stat.S_IFREG | mode, data)

    def add(self, source, name):
        """Adds a file, symbolic link, or folder with all that is in it; none of its ownership is kept."""
        mode = os.lstat(source).st_mode
        if stat.S_ISLNK(mode):
            self._parents(name)
            self._entry(name, stat.S_IFLNK | 0o777, os.readlink(source).encode())
        elif stat.S_ISDIR(mode):
            self.folder(name)
            for child in sorted(os.listdir(source)):
                self.add(os.path.join(source, child), name.rstrip("/") + "/" + child)
        elif stat.S_ISREG(mode):
            with open(source, "rb") as f:
                self.file(name, f.read(), stat.S_IMODE(mode))
        else:
            raise ValueError(f"{source} is neither a file, a folder nor a symbolic link")

    def close(self):
        self._entry("TRAILER!!!", 0, b"")
        self.out.write(b"\0" * (-self.out.tell() % 512))


def main():
    with open(sys.argv[1], "wb") as out:
        archive = Archive(out)
        for pair in sys.argv[2:]:
            archive.add(*pair.rsplit(":", 1))
        archive.close()


if __name__ == "__main__":
    main()
