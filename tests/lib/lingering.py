# SPDX-License-Identifier: GPL-2.0
"""A descriptor whose last close takes long: give.h's sibling. It talks to loopback only."""
import select
import socket
import struct


def linger(s, seconds):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, seconds))


def lingering(seconds):
    """Two ends of a connection: the first, to be sent somewhere, takes so long to close; the second reads nothing, and when it is closed the first's close is over."""
    with socket.create_server(("127.0.0.1", 0), backlog=1) as server:
        ours = socket.create_connection(server.getsockname())
        theirs = server.accept()[0]
    linger(ours, seconds)
    ours.setblocking(False)
    while select.select([], [ours], [], 0.2)[1]:        # what is on its way still makes room
        ours.send(bytes(1 << 20))
    ours.setblocking(True)
    return ours, theirs
