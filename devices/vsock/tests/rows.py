#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""rows.py BUILD: the released lguest-vsock, sandbox and all, between programs of this machine and a guest that is played: each case says one
thing that must hold. TAP on standard output. Native; it writes in one temporary folder."""
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.path.insert(0, os.path.join(ROOT, "tests/field"))
import fe  # noqa: E402

(REQUEST, RESPONSE, RST, SHUTDOWN, RW, UPDATE, CREDIT_REQUEST) = range(1, 8)
HDR, CID, ALLOC = "<QQIIIHHIII", 3, 1 << 20
SIZE, RX, TX = struct.calcsize(HDR), 0x80000, 0x200000
RCV, SEND = 1, 2


class Guest:
    """A driver of virtio-vsock: 32 buffers to receive in, and one packet sent at a time."""
    def __init__(self, *args):
        Guest.path = "v%d" % len(os.listdir())  # a fresh one: the kernel may keep the last one's ring, and so its socket, for an instant
        self.role = fe.Role("lguest-vsock", "--unix=" + Guest.path, *args)
        self.begin(self.role.up())

    def begin(self, front, base=0):
        self.fe = front
        self.rx = fe.Queue(front, 0, 64, 0)
        self.rx.avail_idx = self.rx.used_idx = base
        struct.pack_into("<H", front.mem, self.rx.avail + 2, base)
        struct.pack_into("<H", front.mem, self.rx.used + 2, base)
        start(front, self.rx, base)
        self.tx, self.events = front.queue(1), front.queue(2)
        for i in range(32):
            self.rx.add([(RX + 4096 * i, 4096, 1)])
        self.forwarded = 0

    @classmethod
    def on(cls, front, base=0):
        g = cls.__new__(cls)
        g.begin(front, base)
        return g

    def send(self, op, ports, data=b"", flags=0, alloc=ALLOC, kind=1, cid=CID, length=None):
        head = struct.pack(HDR, cid, 2, ports[0], ports[1], len(data) if length is None else length, kind, op, flags, alloc, self.forwarded)
        self.fe.mem[TX:TX + SIZE + len(data)] = head + data
        self.tx.add([(TX, SIZE + len(data), 0)])
        assert self.tx.take(), "the guest's packet is not taken"

    def next(self, timeout=5.0):
        """The next packet: (op, (guest's port, host's port), flags, data), or None."""
        used = self.rx.take(timeout)
        if not used:
            return None
        at = RX + 4096 * (used[0] % 32)
        h = struct.unpack(HDR, self.fe.mem[at:at + SIZE])
        data = bytes(self.fe.mem[at + SIZE:at + used[1]])
        assert h[0] == 2 and h[1] == CID and len(data) == h[4], h
        self.forwarded += len(data)
        self.credit = h[8], h[9]
        self.rx.add([(at, 4096, 1)])
        return h[6], (h[3], h[2]), h[7], data

    def wait(self, op, timeout=5.0):
        """The next packet but for credit, which must be @op."""
        while True:
            p = self.next(timeout)
            assert p, "nothing comes"
            if p[0] not in (UPDATE, CREDIT_REQUEST) or op in (UPDATE, CREDIT_REQUEST):
                assert p[0] == op, p
                return p

    def accept(self, port=1000):
        """A program of the host connects to @port. Return: (its socket, ports)."""
        s = hello("CONNECT %d\n" % port)
        p = self.wait(REQUEST)
        assert p[1][0] == port
        self.send(RESPONSE, p[1])
        assert line(s) == "OK %d\n" % p[1][1]
        return s, p[1]

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.role.__exit__(*why)


def front_end(process):
    """A front end of a program that listens at "front". Return: (the connection, the guest)."""
    for _ in range(1000):
        assert process.poll() is None, "it has ended"
        c = socket.socket(socket.AF_UNIX)
        try:
            c.connect("front")
            return c, Guest.on(fe.FrontEnd(c).up())
        except (FileNotFoundError, ConnectionRefusedError):
            c.close()
            time.sleep(0.01)
    raise AssertionError("nobody listens")


def hello(text):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(8)
    s.connect(Guest.path)
    s.sendall(text.encode())
    return s


def take(s, n):
    data = b""
    while len(data) < n:
        b = s.recv(n - len(data))
        if not b:
            break
        data += b
    return data


def hung_up(s):
    """An end, or a reset where something was left unread."""
    try:
        return s.recv(1) == b""
    except ConnectionResetError:
        return True


def ends(s):
    """Who writes there is told that nobody reads, though what is on its way may still be taken."""
    try:
        for _ in range(1000):
            s.sendall(b"z" * 4096)
    except BrokenPipeError:
        return
    raise AssertionError("somebody reads on and on")


def line(s):
    text = b""
    while not text.endswith(b"\n"):
        b = s.recv(1)
        if not b:
            break
        text += b
    return text.decode()


def case_connects_by_port():
    """CONNECT port, OK port, bytes both ways, and what was sent with the greeting is not lost"""
    with Guest() as g:
        s = hello("CONNECT 77\nearly")
        ports = g.wait(REQUEST)[1]
        g.send(RESPONSE, ports)
        assert line(s).startswith("OK ")
        assert g.wait(RW)[3] == b"early"
        g.send(RW, ports, b"answer")
        assert s.recv(100) == b"answer"


def case_half_closed():
    """an end in one direction leaves the other open, whichever side it is"""
    with Guest() as g:
        s, ports = g.accept()
        s.shutdown(socket.SHUT_WR)
        assert g.wait(SHUTDOWN)[2] == SEND
        for i in range(100):
            g.send(RW, ports, bytes([i]) * 1000)
            assert take(s, 1000) == bytes([i]) * 1000
        g.send(SHUTDOWN, ports, flags=RCV | SEND)
        assert s.recv(1) == b"" and g.wait(RST)[1] == ports
        s, ports = g.accept()
        g.send(SHUTDOWN, ports, flags=SEND)
        assert s.recv(1) == b""
        s.sendall(b"still")
        assert g.wait(RW)[3] == b"still"
        g.send(RST, ports)
        g.forwarded = 0                 # of another connection
        s, ports = g.accept()
        s.shutdown(socket.SHUT_RD)
        for i in range(100):            # more than a window: what nobody reads is not kept
            g.send(RW, ports, b"x" * 1000)
            if not i:
                assert g.wait(SHUTDOWN)[2] == RCV
            s.sendall(bytes([i]) * 1000)
            assert g.wait(RW)[3] == bytes([i]) * 1000
        assert g.credit == (65536, 100000)
        s.shutdown(socket.SHUT_WR)
        assert g.wait(SHUTDOWN)[2] == RCV | SEND


def case_guest_takes_no_more():
    """a guest that takes no more is the end of a host's writer, not of what it sends; and it hears when the host's program goes"""
    with Guest() as g:
        s, ports = g.accept()
        g.send(UPDATE, ports, alloc=0)          # what is sent from here on waits, in the role and in the socket
        s.setblocking(False)
        try:
            while s.send(b"z" * 4096):
                pass
        except BlockingIOError:
            pass
        s.settimeout(8)
        g.send(SHUTDOWN, ports, flags=RCV)
        ends(s)
        g.send(RW, ports, b"still")
        assert s.recv(5) == b"still"
        s.close()
        flags = 0
        while flags != RCV | SEND:
            flags |= g.wait(SHUTDOWN)[2]
        s, ports = g.accept()
        g.send(SHUTDOWN, ports, flags=RCV)
        g.wait(SHUTDOWN)
        g.send(SHUTDOWN, ports, flags=SEND)
        assert s.recv(1) == b"" and g.wait(RST)[1] == ports


def case_answers_and_goes():
    """what a program of the host sent before it went arrives whole, though the guest sends more that nobody reads"""
    with Guest() as g, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(Guest.path + "_2000")
        listener.listen(4)
        g.send(REQUEST, (5, 2000), alloc=20000)
        g.wait(RESPONSE)
        s = listener.accept()[0]
        s.sendall(b"d" * 150000)
        s.close()
        g.send(RW, (5, 2000), b"q", alloc=20000)
        came = flags = 0
        while flags != RCV | SEND:
            op, ports, told, data = g.next()
            assert op in (RW, SHUTDOWN), "%d after %d bytes" % (op, came)
            came += len(data)
            flags |= told
            g.send(UPDATE, ports, alloc=20000)
        assert came == 150000, came


def case_guest_ends_with_bytes_on_their_way():
    """what the guest sent before its end arrives, however slowly it is read"""
    with Guest() as g:
        s, ports = g.accept()
        for _ in range(60):
            g.send(RW, ports, b"x" * 1000)
        g.send(SHUTDOWN, ports, flags=RCV | SEND)
        time.sleep(0.2)
        assert len(take(s, 60000)) == 60000 and s.recv(1) == b""


def case_guest_resets_with_bytes_on_their_way():
    """what the guest sent before a reset of the connection, as Linux sends 8 s after a close, or of the device, arrives however late it is read; the place is free then"""
    for reset in ("connection", "device"):
        with Guest() as g:
            s, ports = g.accept()
            if reset == "connection":           # before, since it wakes the role's write, for which there may be room again
                g.send(SHUTDOWN, ports, flags=RCV)
                g.wait(SHUTDOWN)
            sent = 0
            while sent - g.credit[1] < 65536:
                n = min(4096, 65536 - (sent - g.credit[1]))
                g.send(RW, ports, bytes([sent // 4096 & 255]) * n)
                sent += n
                while g.next(0.05):
                    pass
            if reset == "device":
                g.fe.send(fe.RESET_DEVICE)
            else:
                g.send(SHUTDOWN, ports, flags=RCV | SEND)
                g.send(RST, ports)
                g.send(RW, ports, b"x")         # it is no connection of the guest's any more
                assert g.wait(RST)[1] == ports
                others = [g.accept(2000 + i) for i in range(63)]
            ends(s)
            time.sleep(0.2)
            data = take(s, sent + 1)
            assert len(data) == sent and all(data[i] == i // 4096 & 255 for i in range(0, sent, 512)), (len(data), sent)
            if reset == "connection":
                others.append(g.accept(9))
                assert not g.next(0.1), "the guest is told of a connection that it left"


def case_host_leaves():
    """a program of the host that is gone is an end in both directions"""
    with Guest() as g:
        s, ports = g.accept()
        s.close()
        flags = 0
        while flags != RCV | SEND:
            flags |= g.wait(SHUTDOWN)[2]
        g.send(RST, ports)
        g.accept()


def case_credit():
    """the guest may send 64 KiB that nobody reads, and is cut off behind that; what is read is told; the host waits for the guest"""
    with Guest() as g:
        s, ports = g.accept()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        g.send(CREDIT_REQUEST, ports)
        assert g.wait(UPDATE) and g.credit == (65536, 0)
        g.send(RW, ports, b"y" * 40000)
        assert len(take(s, 40000)) == 40000
        assert g.wait(UPDATE) and g.credit == (65536, 40000)
        s.sendall(b"z" * 10000)
        g.send(UPDATE, ports, alloc=0)
        while g.next(0.5):
            pass
        s.settimeout(1)
        try:
            for _ in range(1000):
                s.sendall(b"z" * 4096)
            raise AssertionError("the host is never stopped")
        except socket.timeout:
            pass
    with Guest() as g:
        s, ports = g.accept()
        g.send(RW, ports, b"y" * 65536)     # 64 KiB here, and what the socket itself takes
        for _ in range(20):
            g.send(RW, ports, b"y" * 65536)
            p = g.next(0.3)
            if p and p[0] == RST:
                break
        assert p and p[0] == RST, "more than was allowed is taken"


def case_dials():
    """the guest connects to PATH_port; where nobody listens it is refused"""
    with Guest() as g, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(Guest.path + "_2000")
        listener.listen(4)
        g.send(REQUEST, (5, 2000))
        g.wait(RESPONSE)
        s = listener.accept()[0]
        g.send(RW, (5, 2000), b"hi")
        assert s.recv(10) == b"hi"
        s.sendall(b"there")
        assert g.wait(RW)[3] == b"there"
        g.send(REQUEST, (6, 2001))
        assert g.wait(RST)[1] == (6, 2001)
        g.send(REQUEST, (5, 2000))              # the same again: they do not agree on what there is
        assert g.wait(RST)[1] == (5, 2000)
        for i in range(200):
            g.send(REQUEST, (100 + i, 2000))
            g.wait(RESPONSE)
            listener.accept()[0].close()
            g.wait(SHUTDOWN)
            g.send(RST, (100 + i, 2000))


def below(pid):
    """That process and those that it has started."""
    found = [pid]
    with open("/proc/%d/task/%d/children" % (pid, pid), encoding="ascii") as f:
        for child in f.read().split():
            found += below(int(child))
    return found


def listener_of(path, owner):
    """A program of the host's, whose socket is @owner's alone."""
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(8)
    s.bind(path)
    s.listen(4)
    os.chown(path, owner, owner)
    os.chmod(path, 0o600)
    return s


def case_user():
    """--user: its processes, the helper too, are that user's, without a right of root's: the guest reaches the sockets of that user alone, through a link too"""
    user = 12345
    with open("/proc/self/uid_map", encoding="ascii") as f:
        if os.geteuid() or int(f.read().split()[2]) <= user:
            return "it needs root, and another user"
    os.chmod(".", 0o755)
    with Guest("--user=%d" % user, "--require=none") as g, listener_of("root-only", 0), listener_of(Guest.path + "_5002", 0), \
            listener_of(Guest.path + "_5001", user) as theirs:
        os.symlink("root-only", Guest.path + "_5000")
        for port in (5000, 5002):
            g.send(REQUEST, (5, port))
            assert g.wait(RST)[1] == (5, port)
        g.send(REQUEST, (5, 5001))
        g.wait(RESPONSE)
        peer = theirs.accept()[0].getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        assert struct.unpack("iii", peer)[1:] == (user, user), struct.unpack("iii", peer)
        family = below(g.role.process.pid)
        assert len(family) == 3, family
        for pid in family:
            with open("/proc/%d/status" % pid, encoding="ascii") as f:
                status = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
            assert set(status["Uid"].split() + status["Gid"].split()) == {str(user)} and not status["Groups"].split(), status
            assert not any(int(status["Cap" + kind], 16) for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")), status
        assert not g.role.said(), g.role.said()
    os.chmod(".", 0o700)
    with Guest("--user=%d" % user, "--require=none") as g:
        g.send(REQUEST, (5, 5001))
        assert g.wait(RST)[1] == (5, 5001)
        assert "user 12345 may not search the folder of %s, so that no connection" % Guest.path in g.role.said(), g.role.said()


def case_idles_after_a_ring_that_ran_out():
    """the guest's buffers run out, its program is gone, and then there are buffers again: the process sleeps"""
    with Guest() as g:
        s, ports = g.accept()
        s.sendall(b"x" * 200000)
        while struct.unpack_from("<H", g.fe.mem, g.rx.used + 2)[0] != g.rx.used_idx + 32 & 0xffff:
            time.sleep(0.01)
        g.send(RST, ports)
        for _ in range(32):
            assert g.next()
        burnt = g.role.burns()
        assert burnt < 0.05, "%.2f s of a processor in 2 s" % burnt
        assert hung_up(s)
        g.accept()


def case_names():
    """a socket that has the name of another guest's port is not made: that guest would be taken for the host's programs"""
    for name in ("web_2", "./web_2", "web_x_4294967295"):
        status, said = fe.refusal("lguest-vsock", "--socket-path=s", "--unix=" + name)
        assert status == 2 and said == "lguest-vsock: %s is a name for a port of another guest: take one that does not end in _ and digits\n" % name, (status, said)
        assert not os.path.exists(name)
    for name in ("web_2x", "web_", "2"):
        with fe.Role("lguest-vsock", "--unix=" + name) as role:
            role.up()


def case_refuses():
    """packets for connections that do not exist, of other types, lengths that lie, answers to nothing: a reset, and the next one works"""
    with Guest() as g:
        for op in (RESPONSE, RW, SHUTDOWN, UPDATE, 9, 0):
            g.send(op, (1, 2))
            assert g.wait(RST)[1] == (1, 2)
        g.send(RST, (1, 2))
        g.send(RW, (1, 2), cid=4)
        assert not g.next(0.3), "an answer to a reset, or to somebody else"
        g.send(REQUEST, (1, 2), kind=2)
        assert g.wait(RST)[1] == (1, 2)
        s, ports = g.accept()
        g.send(RW, ports, b"short", length=4000)
        assert g.wait(RST)[1] == ports and s.recv(1) == b""
        s, ports = g.accept()
        g.send(RESPONSE, ports)
        assert g.wait(RST)[1] == ports and s.recv(1) == b""
        g.accept()


def case_strangers():
    """whoever says something else is hung up on, who says nothing after five seconds"""
    with Guest() as g:
        for text in ("HELLO\n", "CONNECT \n", "CONNECT x\n", "CONNECT -1\n", "CONNECT 4294967295\n", "CONNECT 1" + 40 * "0"):
            s = hello(text)
            assert hung_up(s), text
        s = hello("")
        began = time.monotonic()
        assert s.recv(1) == b"" and 4 < time.monotonic() - began < 8
        s = hello("CONNECT 5\n")
        ports = g.wait(REQUEST)[1]
        g.send(RST, ports)
        assert s.recv(1) == b""


def case_descriptors():
    """a program of the host can send bytes and no descriptor, where the kernel can refuse them (Linux 6.16)"""
    if tuple(map(int, os.uname().release.split(".")[:2])) < (6, 16):
        return "this kernel cannot refuse them"
    with Guest() as g:
        s, ports = g.accept()
        try:
            socket.send_fds(s, [b"x"], [s.fileno()])
            raise AssertionError("a descriptor is let in")
        except PermissionError:
            s.send(b"y")
        assert g.wait(RW)[3] == b"y"
        g.send(RST, ports)


def case_full():
    """64 connections: a guest's further one is refused, a host's further one waits until there is room"""
    with Guest() as g:
        have = [g.accept(2000 + i) for i in range(64)]
        g.send(REQUEST, (5, 2000))
        assert g.wait(RST)[1] == (5, 2000)
        late = hello("CONNECT 9\n")
        assert not g.next(0.3)
        g.send(RST, have[7][1])
        ports = g.wait(REQUEST)[1]
        assert ports[0] == 9
        g.send(RESPONSE, ports)
        assert line(late).startswith("OK ")


def start(front, q, base):
    """A queue that has been used goes on at @base."""
    front.send(fe.SET_VRING_NUM, struct.pack("<II", q.index, q.size))
    front.send(fe.SET_VRING_BASE, struct.pack("<II", q.index, base))
    front.send(fe.SET_VRING_ADDR, struct.pack("<IIQQQQ", q.index, 0, fe.UADDR + q.desc, fe.UADDR + q.used, fe.UADDR + q.avail, 0))
    front.send(fe.SET_VRING_CALL, struct.pack("<Q", q.index), [q.call])
    front.send(fe.SET_VRING_KICK, struct.pack("<Q", q.index), [q.kick])
    front.enable(q.index, 1)


def case_told_after_a_death():
    """a process that goes on with used rings says that all connections are gone; one with fresh ones does not; its ports are none of the dead one's"""
    with Guest() as g:
        g.events.add([(0x300000, 8, 1)])
        assert not g.events.take(0.3)
        s, ports = g.accept()
        os.kill(g.role.process.pid, signal.SIGKILL)
        assert s.recv(1) == b""         # the sealed process is gone, too
        with fe.Role("lguest-vsock", "--unix=w") as second:
            Guest.path = "w"
            second.fe.fd, second.fe.mem = g.fe.fd, g.fe.mem
            g.fe = second.up()
            for q in (g.rx, g.tx, g.events):
                start(g.fe, q, q.used_idx)
            assert g.events.take(5) == (0, 4) and bytes(g.fe.mem[0x300000:0x300004]) == bytes(4)
            g.events.add([(0x300000, 8, 1)])
            g.send(RW, ports, b"x")
            assert g.wait(RST)[1] == ports
            assert g.accept()[1] != ports


def case_comes_back_at_once():
    """who connects again as soon as the process is dead is offered to the guest behind the word that all others are gone; where nobody passes events on, too"""
    for passed_on in (True, False):
        with Guest() as g:
            g.events.add([(0x300000, 8, 1)])
            s = g.accept()[0]
            os.kill(g.role.process.pid, signal.SIGKILL)
            assert s.recv(1) == b""
            with fe.Role("lguest-vsock", "--unix=" + ("x" if passed_on else "y")) as second:
                Guest.path = "x" if passed_on else "y"
                second.fe.fd, second.fe.mem = g.fe.fd, g.fe.mem
                g.fe = second.up()
                s = hello("CONNECT 1000\n")
                began = time.monotonic()
                start(g.fe, g.rx, g.rx.used_idx)
                start(g.fe, g.tx, g.tx.used_idx)
                early = g.next(0.3)
                if passed_on:
                    start(g.fe, g.events, g.events.used_idx)
                    told = g.events.take() == (0, 4)
                    assert struct.unpack_from("<H", g.fe.mem, g.events.used + 4 + 8 * g.events.size)[0] == g.events.avail_idx, "no kick is asked for"
                    early = early or g.next(1.2)    # the guest may be paused just now
                    g.events.add([(0x300000, 8, 1)])
                ports = (early or g.wait(REQUEST))[1]
                good = told and not early if passed_on else time.monotonic() - began >= 1
                assert good, "the event, which ends all that the guest knows, comes behind it"
                g.send(RESPONSE, ports)
                assert line(s) == "OK %d\n" % ports[1]


def case_stops_at_a_multiple():
    """a queue that is stopped where its index is 0, which looks like a fresh driver's, ends all connections, and the guest is told; at another index nothing ends"""
    for base in (65534, 65535):
        with fe.Role("lguest-vsock", "--unix=m%d" % base) as role:
            Guest.path = "m%d" % base
            g = Guest.on(role.up(), base)
            g.events.add([(0x300000, 8, 1)])
            assert g.events.take() == (0, 4)    # it takes this for a process that goes on
            g.events.add([(0x300000, 8, 1)])
            s = g.accept()[0]
            at = struct.unpack("<II", g.fe.send(fe.GET_VRING_BASE, struct.pack("<II", 0, 0), reply=True))[1]
            assert at == base + 1 & 0xffff, at
            start(g.fe, g.rx, at)
            if at:
                assert not g.events.take(0.3)
                s.sendall(b"goes on")
                assert g.wait(RW)[3] == b"goes on"
            else:
                assert s.recv(1) == b"" and g.events.take() == (1, 4)
                g.events.add([(0x300000, 8, 1)])
                g.accept()


def case_stale_answers():
    """the helper's answer to a front end's process that is gone is not one for the next, which asked for another port"""
    with socket.socket(socket.AF_UNIX) as first, socket.socket(socket.AF_UNIX) as second:
        for listener, port in ((first, 2001), (second, 2002)):
            listener.bind("stale_%d" % port)
            listener.listen(4)
            listener.settimeout(8)
        with subprocess.Popen([fe.program("lguest-vsock"), "--socket-path=front", "--unix=stale"], stderr=subprocess.DEVNULL) as p:
            try:
                c, g = front_end(p)
                with open("/proc/%d/task/%d/children" % (p.pid, p.pid), encoding="ascii") as f:
                    helper = min(map(int, f.read().split()))        # it was started before any front end's process
                os.kill(helper, signal.SIGSTOP)
                g.send(REQUEST, (5, 2001))
                c.close()
                c, g = front_end(p)
                g.send(REQUEST, (6, 2002))
                os.kill(helper, signal.SIGCONT)
                g.wait(RESPONSE)
                g.send(RW, (6, 2002), b"for 2002")
                assert second.accept()[0].recv(100) == b"for 2002"
                assert first.accept()[0].recv(100) == b"", "another port's listener reads it"
                c.close()
            finally:
                p.kill()


def examples():
    """The lines of the manual page that use socat, as a reader sees them."""
    with open(os.path.join(ROOT, "devices/vsock/lguest-vsock.1"), encoding="utf-8") as f:
        lines = [text.rstrip("\n").replace("\\-", "-") for text in f if "socat" in text]
    assert len(lines) == 2, lines
    return [text.replace("/tmp/guest", Guest.path) for text in lines]


def case_manual():
    """the socat lines of the manual page, as written: to a port of the guest's, and a service of the host's for it"""
    with Guest() as g:
        connect, serve = examples()
        with subprocess.Popen(["sh", "-c", connect], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as there:
            ports = g.wait(REQUEST, 20)[1]
            assert ports[0] == 1000, ports
            g.send(RESPONSE, ports)
            there.stdin.write(b"typed\n")
            there.stdin.flush()
            assert g.wait(RW, 20)[3] == b"typed\n"
            g.send(RW, ports, b"said by the guest\n")
            assert re.match(rb"OK \d+\n", there.stdout.readline()) and there.stdout.readline() == b"said by the guest\n"
            there.stdin.close()         # socat tells the end, waits half a second for more, and goes
            g.wait(SHUTDOWN, 20)
            g.send(RST, ports)
        g.forwarded = 0                 # of another connection
        with subprocess.Popen(["sh", "-c", "exec " + serve]) as served:
            try:
                for _ in range(1000):
                    if os.path.exists(Guest.path + "_2000"):
                        break
                    time.sleep(0.01)
                g.send(REQUEST, (5, 2000))
                g.wait(RESPONSE, 20)
                text = g.wait(RW, 20)[3]
                assert re.search(rb" \d\d:\d\d:\d\d ", text), text
            finally:
                served.kill()


def main():
    fe.bindir = os.path.abspath(sys.argv[1])
    cases = [(n[5:], f) for n, f in globals().items() if n.startswith("case_") and (len(sys.argv) < 3 or n[5:] in sys.argv[2:])]
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name, f in cases:
            try:
                skipped = f()
                print("ok vsock", f.__doc__ + (" # SKIP " + skipped if skipped else ""))
            except Exception as e:  # noqa: BLE001: any is a failure
                print("not ok vsock", f.__doc__)
                print("# %s: %s, at line %d" % (type(e).__name__, e, e.__traceback__.tb_next.tb_lineno))
            sys.stdout.flush()
        os.chdir("/")


main()
