# SPDX-License-Identifier: GPL-2.0
"""Taps: of the wrong kind, just left by another program, with an MTU of their own."""
import os
import struct
import subprocess
import time

import fe
from run import sh

MTU = 1 << 3


def tap(name, *more):
    sh("ip", "tuntap", "add", name, "mode", "tap", "user", str(os.getuid()), *more)
    return name


def case_tap_of_a_program_that_has_just_ended():
    """a tap whose program has just ended, or was killed, is waited for (A6)"""
    tap("t6")
    for kill in (False, True, False, True):
        first = fe.Role("lguest-net", "--tap=t6")
        first.up().queue(0)
        if kill:
            first.process.kill()
        first.end()
        with fe.Role("lguest-net", "--tap=t6") as second:
            second.up()


def case_tap_in_use():
    """a tap that is in use is said to be, after some seconds, with status 1 (A6)"""
    tap("t7")
    with fe.Role("lguest-net", "--tap=t7") as holder:
        holder.up()
        began = time.monotonic()
        status, said = fe.refusal("lguest-net", "--tap=t7", "--socket-path=s")
        assert status == 1 and "in use by another program" in said and "ip tuntap" not in said, said
        assert time.monotonic() - began > 2


def case_interfaces_that_are_no_tap_of_one_queue():
    """a multi_queue tap, a tap of one queue for two pairs, a tun, a loopback: what it is, what to do, status 1 (A16)"""
    tap("mq", "multi_queue")
    tap("oq")
    sh("ip", "tuntap", "add", "tn", "mode", "tun", "user", str(os.getuid()))
    for args, text in ((["--tap=mq"], "is a multi_queue tap: give --queue-pairs=2 or more"), (["--tap=oq", "--queue-pairs=2"], "has one queue"),
                       (["--tap=tn"], "is a tun interface"), (["--tap=lo"], "is no tap")):
        status, said = fe.refusal("lguest-net", *args, "--socket-path=s")
        assert status == 1 and text in said and "ip tuntap add" not in said, (args, status, said)
    assert fe.refusal("lguest-net", "--tap=oq", "--lock-mac", "--socket-path=s")[0] == 2


def case_pair_that_waits_for_a_busy_one():
    """two pairs with one bound: what one always has waiting in both directions does not keep the other from sending"""
    import socket
    tap("two", "multi_queue")
    sh("ip", "link", "set", "two", "up")
    with fe.Role("lguest-net", "--tap=two", "--queue-pairs=2", "--pps=200") as role:
        # MQ and CTRL_VQ, VERSION_1, PROTOCOL_FEATURES; no offload and no merged buffers: a frame is a header of 12 bytes and itself
        front = role.up(drop=~(1 << 32 | 1 << 30 | 1 << 22 | 1 << 17) & (1 << 64) - 1)
        queues = [front.queue(i) for i in range(5)]
        front.mem[0x60000:0x60004] = struct.pack("<BBH", 4, 0, 2)
        queues[4].add([(0x60000, 4, 0), (0x60008, 1, 1)])
        assert queues[4].take() and front.mem[0x60008] == 0
        buffers = {q: [0x100000 + 0x40000 * n + 4096 * k for k in range(32)] for n, q in enumerate((queues[0], queues[2]))}
        for q, at in buffers.items():
            for address in at:
                q.add([(address, 4096, 1)])

        def received(q):
            n = 0
            while used := q.take(0):
                q.add([(buffers[q][used[0] % 32], 4096, 1)])
                n += 1
            return n

        def frame(port):
            """UDP over IPv4 from @port"""
            ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 46, 1, 0, 64, 17, 0, bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2]))
            return bytes.fromhex("020000000001" "020000000002" "0800") + ip + struct.pack(">HHHH", port, 7, 26, 0) + bytes(18)

        front.mem[0x200000:0x200000 + 72] = bytes(12) + frame(5)
        host = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        host.bind(("two", 0))
        host.setblocking(False)

        def flood(port):
            for _ in range(4):
                try:
                    host.send(frame(port))
                except OSError:
                    return    # no room

        def reaches_the_second(port):
            received(queues[0]), received(queues[2])
            flood(port)
            time.sleep(0.1)
            return received(queues[2]) and not received(queues[0])

        port = next(p for p in range(1000, 1100) if reaches_the_second(p))
        receiving, sending, other = queues[2], queues[3], queues[1]
        for _ in range(16):
            sending.add([(0x200000, 72, 0)])
        sent, asked = 0, False
        while sent < 1200:
            if sent >= 600 and not asked:
                other.add([(0x200000, 72, 0)])
                asked = True
            if asked and other.take(0):
                break
            flood(port)
            received(receiving)
            while sending.take(0):
                sent += 1
                sending.add([(0x200000, 72, 0)])
        host.close()
        assert sent < 1200, "three seconds of the busy pair's, and nothing of the other's"


def case_mtu_is_offered():
    """the tap's MTU is the guest's, also of a tap that was inherited attached (A17)"""
    tap("t9")
    for mtu in (1400, 9000, 65521):
        sh("ip", "link", "set", "t9", "mtu", str(mtu))
        with fe.Role("lguest-net", "--tap=t9") as role:
            front = role.up()
            assert front.offered & MTU and struct.unpack("<H", front.config(12)[10:12])[0] == mtu, front.config(12)


def case_tap_of_another_namespace():
    """a tap inherited from another network namespace is not taken for one of the same name here (A17)"""
    import fcntl
    tap("t5")
    sh("ip", "link", "set", "t5", "mtu", "1234")
    fd = os.open("/dev/net/tun", os.O_RDWR)
    # attached here, then given to a program that runs in a namespace with another t5
    fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22x", b"t5", 0x0002 | 0x1000 | 0x4000))
    script = "ip tuntap add t5 mode tap && exec \"$@\""
    import socket
    ours, theirs = socket.socketpair()
    p = subprocess.Popen(["unshare", "-n", "sh", "-c", script, "sh", fe.program("lguest-net"), "--tap-fd=%d" % fd, "--fd=%d" % theirs.fileno()],
                         pass_fds=[fd, theirs.fileno()], stderr=subprocess.DEVNULL)
    theirs.close()
    front = fe.FrontEnd(ours).up()
    offered = front.offered & MTU
    ours.close()
    p.wait(10)
    os.close(fd)
    assert not offered, struct.unpack("<H", front.config(12)[10:12])
