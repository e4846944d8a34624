# SPDX-License-Identifier: GPL-2.0
"""Consoles: full files, pastes, and the terminal afterwards."""
import os
import pty
import select
import termios
import time

import fe
from run import mount_tmpfs

OUT = 0x80000


class Console(fe.FrontEnd):
    """A guest with queue 0 to it, 1 from it."""
    def start(self, buffers=0):
        self.up()
        self.rx, self.tx, self.pending = self.queue(0), self.queue(1), {}
        for i in range(buffers):
            self.post(i)
        return self

    def post(self, i):
        self.pending[self.rx.add([(0x200000 + 4096 * i, 4096, 1)])] = i

    def print(self, data):
        for at in range(0, len(data), 4096):
            part = data[at:at + 4096]
            self.mem[OUT:OUT + len(part)] = part
            self.tx.add([(OUT, len(part), 0)])
            assert self.tx.take(10), "the guest waits for ever"

    def typed(self, timeout):
        got = b""
        while True:
            entry = self.rx.take(timeout)
            if not entry:
                return got
            i = self.pending.pop(entry[0])
            got += self.mem[0x200000 + 4096 * i:0x200000 + 4096 * i + entry[1]]
            self.post(i)


def until(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.02)


def content(path):
    with open(path, "rb") as f:
        return f.read()


def full_file(path, size, make_room, *options):
    with fe.Role("lguest-console", "--file=" + path, *options, kind=Console) as role:
        guest = role.fe.start()
        for _ in range(8):
            guest.print(b"A" * 65536)
        until(lambda: os.path.getsize(path) >= size)
        guest.print(b"B" * 65536)
        until(lambda: "takes nothing" in role.said())
        make_room()
        until(lambda: b"bytes of output were lost: there was no room for them]" in content(path))
        guest.print(b"after")
        until(lambda: content(path).endswith(b"after"))
        assert role.said().count("takes nothing") == 1, role.said()


def case_full_file_system():
    """a console file on a file system that is full for a while goes on, with what was lost told there and in the log (A7, B9, 17)"""
    mount_tmpfs("t", "size=256k")
    full_file("t/log", 65536, lambda: os.truncate("t/log", 0))


def case_limited_file():
    """--limit: a console file gets no longer than that, and goes on when it is cut (17)"""
    with fe.Role("lguest-console", "--file=log", "--limit=1", kind=Console) as role:
        guest = role.fe.start()
        for _ in range(20):
            guest.print(b"C" * 65536)
        until(lambda: os.path.getsize("log") == 1 << 20)
        until(lambda: "as long as it may be" in role.said())
        os.truncate("log", 0)
        until(lambda: b"bytes of output were lost" in content("log"))


def there(fd):
    """What can be read at once"""
    return os.read(fd, 65536) if select.select([fd], [], [], 0)[0] else b""


def case_fifo_whose_reader_comes_back():
    """whoever reads a console's FIFO may end and come back: what was printed meanwhile is there, and the log has said it"""
    os.mkfifo("f")
    reader = os.open("f", os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open("f", os.O_WRONLY | os.O_NONBLOCK | os.O_APPEND)
    with open("/dev/null") as nothing, fe.Role("lguest-console", "--stdio", kind=Console, stdin=nothing, stdout=writer) as role:
        guest = role.fe.start()
        os.close(reader)
        guest.print(b"while nobody reads")
        until(lambda: "takes nothing: nobody reads it" in role.said())
        reader = os.open("f", os.O_RDONLY | os.O_NONBLOCK)
        guest.print(b", and after")
        got = bytearray()
        until(lambda: got.extend(there(reader)) or got == b"while nobody reads, and after")
    os.close(reader)
    os.close(writer)


class Terminal:
    """A pty with a console on it; @master is the user's end."""
    def __init__(self):
        self.master, self.slave = pty.openpty()
        termios.tcsetwinsize(self.slave, (24, 80))
        self.before = termios.tcgetattr(self.slave)
        os.set_blocking(self.master, False)
        self.role = fe.Role("lguest-console", "--stdio", kind=Console, stdin=self.slave, stdout=self.slave)

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.role.__exit__(*why)
        os.close(self.master)
        os.close(self.slave)

    def type(self, data):
        """As much as it takes. Return: bytes."""
        try:
            return os.write(self.master, data)
        except BlockingIOError:
            return 0

    def shown(self, timeout=0.3):
        got = b""
        while select.select([self.master], [], [], timeout)[0]:
            got += os.read(self.master, 65536)
        return got


def case_paste_into_a_busy_guest():
    """a paste of 128 KiB into a guest that is busy for 3 s arrives whole (A13)"""
    with Terminal() as t:
        guest = t.role.fe.start(2)
        until(lambda: not termios.tcgetattr(t.slave)[3] & termios.ECHO)
        want, at = b"".join(b"%07d\n" % i for i in range(16384)), 0
        end = time.monotonic() + 3
        while time.monotonic() < end:
            at += t.type(want[at:at + 1000])
            time.sleep(0.001)
        got, end = b"", time.monotonic() + 20
        while len(got) < len(want) and time.monotonic() < end:
            at += t.type(want[at:at + 1000])
            got += guest.typed(0.005)
        assert got == want, (len(want), at, len(got))


def case_leaving_a_guest_that_does_not_read():
    """three ctrl-C leave a guest that takes no input, also behind what was typed before (A13)"""
    with Terminal() as t:
        t.role.fe.start(0)
        until(lambda: not termios.tcgetattr(t.slave)[3] & termios.ECHO)
        assert t.type(b"x" * 1000) == 1000
        time.sleep(0.2)
        t.type(b"\x03\x03\x03")
        assert t.role.process.wait(5) == 4


def case_terminal_is_as_it_was():
    """at the end the terminal is reset, and what it answers to the guest's questions does not reach the shell (18)"""
    with Terminal() as t:
        guest = t.role.fe.start()
        guest.print(b"\x1b[?1049h\x1b[?1000h\x1b[?2004h\x1b(0\x1b]0;stolen")
        assert b"stolen" in t.shown()
        t.role.fe.sock.close()
        shown = b""
        until(lambda: select.select([t.master], [], [], 0.1)[0])
        shown += os.read(t.master, 65536)
        t.type(b"\x1b[?62;c")                              # the answer to a question that the guest asked
        t.role.process.wait(5)
        shown += t.shown(0.1)
        for part in (b"\x1b\\", b"\x1b[?1047l", b"\x1b[?1000;", b";2004l", b"\x1b(B", b"\x1b[?25h"):
            assert part in shown, (part, shown)
        assert termios.tcgetattr(t.slave) == t.before
        t.type(b"command\n")
        assert os.read(t.slave, 100) == b"command\n"
        assert os.get_blocking(t.slave)


def case_terminal_that_nobody_reads():
    """nor does a terminal that nobody reads hold up the end (18)"""
    with Terminal() as t:
        guest = t.role.fe.start()
        for _ in range(3):
            guest.print(b"y" * 65536)
        t.role.end(5)
        assert termios.tcgetattr(t.slave) == t.before
