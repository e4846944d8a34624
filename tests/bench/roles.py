#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Processor time of a device role from its start until it is sealed and has ended again, all of its processes together.

    unshare -n tests/bench/roles.py BUILD 'DEVICE [OPTION...]'...

{image} in an option is an image file, {tap} the number of a tap's descriptor, {folder} an empty folder.

The front end has hung up before the role starts: it is sealed before it reads its connection, finds it closed, and ends.
Prints the median of 51 starts of each role; exit status 1 when one is above the promise of 5 ms, or does not end well.
Makes a tap, which is why it wants a network namespace of its own.
"""

import fcntl
import os
import resource
import socket
import statistics
import struct
import subprocess
import sys
import tempfile

PROMISE_MS = 5
RUNS = 51
VERBOSE = ["--verbose"]  # it says that its sandbox is on
TUNSETIFF = 0x400454CA
TAP_NO_PI_VNET_HDR = 0x5002


def tap():
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", b"lgbench0", TAP_NO_PI_VNET_HDR))
    return fd


def used():
    u = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (u.ru_utime + u.ru_stime) * 1000


def start(argv, fds):
    """Milliseconds of one start and end."""
    ours, theirs = socket.socketpair()
    ours.close()
    before = used()
    done = subprocess.run([*argv, *VERBOSE, f"--fd={theirs.fileno()}"], pass_fds=[theirs.fileno(), *fds], stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    theirs.close()
    if done.returncode or "sandbox on" not in done.stderr:
        sys.exit(f"bench: {argv[0]} ended with {done.returncode}: {done.stderr}")
    return used() - before


def main():
    build, wire, late = sys.argv[1], tap(), 0
    with tempfile.NamedTemporaryFile() as image, tempfile.TemporaryDirectory() as folder:
        image.truncate(1 << 20)
        os.chmod(folder, 0o777)
        for device in sys.argv[2:]:
            name, *options = device.format(image=image.name, tap=wire, folder=folder).split()
            ms = statistics.median(start([f"{build}/lguest-{name}", *options], [wire]) for _ in range(RUNS))
            late += ms > PROMISE_MS
            print(f"lguest-{name}: {ms:.1f} ms of processor time from start to sealed and its end, median of {RUNS}")
    return 1 if late else 0


sys.exit(main())
