# SPDX-License-Identifier: GPL-2.0
"""frames.py sent|received SOCKET SECONDS TAP: a driver that always has 32 frames to send, or room for 32 while as many wait for it in the tap. Prints how
many a second a listening lguest-net moved."""
import os
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../field"))
import fe

DEPTH, FRAME, BUFFER = 32, 12 + 64, 12 + 1514       # 12 bytes of virtio's header
direction, path, seconds, tap = sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4]
host = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
host.bind((tap, 0))
connection = socket.socket(socket.AF_UNIX)
connection.connect(path)
driver = fe.FrontEnd(connection).up()
sends = direction == "sent"
queue, moved = driver.queue(1 if sends else 0), 0


def offer():
    """One more frame for the card, or one for the driver and room for it."""
    if not sends:
        host.send(b"\xff" * 6 + bytes(58))
    queue.add([(0x80000, FRAME if sends else BUFFER, not sends)])


begin = time.monotonic()
for _ in range(DEPTH):
    offer()
while time.monotonic() - begin < seconds:
    if queue.take(0.1):
        moved += 1
        offer()
print("%.1f" % (moved / (time.monotonic() - begin)))
