# SPDX-License-Identifier: GPL-2.0
"""What other front ends and drivers do, and what users do with sockets: the back ends as programs."""
import ctypes
import glob
import mmap
import os
import resource
import signal
import socket
import struct
import subprocess
import time

import fe
from lingering import lingering
from run import Skip, sh

PROGRAMS = {fe.BARE: [], "lguest-block": ["--blk-file=disk.img"], "lguest-console": ["--file=out"], "lguest-net": ["--tap=tapx"]}


def disk(size=1 << 20):
    with open("disk.img", "wb") as f:
        f.write(bytes(range(256)) * (size // 256))


class Listener:
    """A program with --socket-path; ended by a signal when the block is left."""
    def __init__(self, name, path, *args, **kw):
        self.path, self.log = path, os.memfd_create("log")
        self.process = subprocess.Popen([fe.program(name), "--socket-path=" + path, *args], stderr=self.log, **kw)
        until = time.monotonic() + 5
        while not self.listens():
            assert self.process.poll() is None and time.monotonic() < until, self.said()
            time.sleep(0.01)

    def listens(self):
        """Without connecting: the kernel's table names the path, with the flag of a listening socket."""
        with open("/proc/net/unix", encoding="ascii", errors="replace") as f:
            return any(line.split()[3] == "00010000" and line.split()[-1] == self.path for line in f.readlines()[1:])

    def said(self):
        return os.pread(self.log, 65536, 0).decode()

    def connect(self):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(5)
        s.connect(self.path)
        return s

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.process.terminate()
        self.process.wait(5)
        os.close(self.log)


def case_start_that_fails_leaves_no_socket():
    """a program that cannot have its --socket-path leaves no other socket of its own behind"""
    open("file", "w", encoding="ascii").close()
    status, said = fe.refusal("lguest-console", "--socket-path=file", "--unix=typed")
    assert status == 1 and "is no socket" in said, (status, said)
    assert not os.path.lexists("typed"), "it left a socket that nobody listens at"


def case_socket_path_that_is_no_socket():
    """--socket-path never removes what is no socket: a file, a disk image, a FIFO, a link (A1)"""
    disk()
    for name in (fe.BARE, "lguest-block", "lguest-console"):
        for kind in ("file", "fifo", "link"):
            if os.path.lexists("precious"):
                os.unlink("precious")
            if kind == "fifo":
                os.mkfifo("precious")
            else:
                with open("precious" if kind == "file" else "target", "w", encoding="ascii") as f:
                    f.write("a year's work")
            if kind == "link":
                os.symlink("target", "precious")
            before = os.lstat("precious")
            status, said = fe.refusal(name, "--socket-path=precious", *PROGRAMS[name])
            after = os.lstat("precious")
            assert (before.st_ino, before.st_mode, before.st_size) == (after.st_ino, after.st_mode, after.st_size), (name, kind)
            assert status == 1 and "is no socket" in said, (name, kind, status, said)
    status, said = fe.refusal("lguest-block", "--socket-path=disk.img", "--blk-file=disk.img")
    assert status == 1 and os.path.getsize("disk.img") == 1 << 20, said


def case_socket_path_of_another_user():
    """--socket-path does not remove another user's stale socket (A1)"""
    if os.geteuid():
        raise Skip("needs root")
    s = socket.socket(socket.AF_UNIX)
    s.bind("theirs")
    s.close()
    try:
        os.chown("theirs", 12345, 12345)
    except OSError:
        raise Skip("one user only in this namespace") from None
    status, said = fe.refusal(fe.BARE, "--socket-path=theirs")
    assert status == 1 and "another user's" in said and os.lstat("theirs").st_uid == 12345, said


def case_stale_socket_is_replaced():
    """--socket-path replaces its own stale socket, and so does --unix of a console (A1, A19)"""
    for args in ([fe.BARE, "--socket-path=s"], ["lguest-console", "--unix=s", "--socket-path=other"]):
        s = socket.socket(socket.AF_UNIX)
        s.bind("s")
        s.close()
        p = subprocess.Popen([fe.program(args[0]), *args[1:]], stderr=subprocess.PIPE)
        try:
            until = time.monotonic() + 5
            c = socket.socket(socket.AF_UNIX)
            while c.connect_ex("s"):
                assert p.poll() is None and time.monotonic() < until, p.stderr.read()
                time.sleep(0.01)
        finally:
            p.kill()
            p.wait()
        os.unlink("s")


def case_socket_in_use():
    """a start on a socket that is in use says so at once, each time, and leaves no dead connection before the next front end (A8)"""
    with Listener(fe.BARE, "busy") as server:
        first = fe.FrontEnd(server.connect())
        first.up()
        for _ in range(6):
            status, said = fe.refusal(fe.BARE, "--socket-path=busy", timeout=3)
            assert status == 1 and "somebody listens there" in said, said
        second = fe.FrontEnd(server.connect())          # waits in the backlog
        first.sock.close()
        second.sock.settimeout(5)
        second.up()
        q = second.queue(0)
        q.add([(0x80000, 64, 1)])
        assert q.take() == (0, 64)


def case_socket_goes_with_its_program():
    """a program that is ended takes its sockets along: TERM, INT, HUP, also while it serves (A19)"""
    for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        for busy in (False, True):
            with Listener(fe.BARE, "s") as server:
                if busy:
                    front = fe.FrontEnd(server.connect())
                    front.up()
                server.process.send_signal(sig)
                assert server.process.wait(5) == -sig
            assert not os.path.lexists("s"), sig
    p = subprocess.Popen([fe.program("lguest-console"), "--unix=u", "--socket-path=s"], stderr=subprocess.PIPE)
    until = time.monotonic() + 5
    while not (os.path.lexists("u") and os.path.lexists("s")):
        assert p.poll() is None and time.monotonic() < until
        time.sleep(0.01)
    time.sleep(0.1)
    p.terminate()
    p.wait(5)
    assert not os.path.lexists("u") and not os.path.lexists("s")
    # what took its place meanwhile is not its own
    with Listener(fe.BARE, "s") as server:
        os.unlink("s")
        with open("s", "w", encoding="ascii") as f:
            f.write("not yours")
    assert os.path.getsize("s") == 9


def case_locked_memory_limit():
    """a limit of locked memory below what a ring needs: lguest-block goes on without, the others name the limit (A11)"""
    def limit():
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (16 << 10, 16 << 10))
    disk()
    with fe.Role(fe.BARE, preexec_fn=limit) as role:
        try:
            role.fe.number(fe.GET_FEATURES)
            raise Skip("this kernel does not count rings")
        except (EOFError, OSError):
            assert role.process.wait(5) == 1
        assert "ulimit -l" in role.said(), role.said()
    for engine in ("lguest-block",):
        with fe.Role(engine, "--blk-file=disk.img", kind=fe.Disk, preexec_fn=limit) as role:
            front = role.up()
            front.queue(0)
            assert front.read(0, 512) == (0, bytes(range(256)) * 2)
            assert "runs without io_uring" in role.said() and "ulimit -l" in role.said(), role.said()


LISTENERS = ([fe.BARE], ["lguest-block", "--blk-file=disk.img"], ["lguest-block", "--blk-file=disk.img", "--no-io-uring"])


def pipe_as_memory(front):
    """The role holds the writing end too: so nobody else can end a read."""
    r, w = os.pipe()
    front.regions(1, [r, w])
    os.close(r)
    os.close(w)


def watch_as_memory(front):
    """Of a single byte, so that it lies at offset 0: a socket has no other."""
    fd = ctypes.CDLL(None).inotify_init1(0)
    front.regions(1, [fd])
    os.close(fd)


def socket_as_memory(front):
    ours, theirs = socket.socketpair()
    front.regions(1, [ours.fileno(), theirs.fileno()])


def case_memory_that_never_has_a_byte():
    """a front end that names a pipe, a socket or an inotify descriptor as memory is refused at once, also while it stays"""
    disk()
    for name, *args in LISTENERS:
        for hostile in (pipe_as_memory, watch_as_memory, socket_as_memory):
            with Listener(name, "s", *args) as server:
                front = fe.FrontEnd(server.connect())
                hostile(front)
                try:
                    front.number(fe.GET_FEATURES)
                    raise AssertionError("it goes on")
                except (EOFError, ConnectionResetError):
                    pass
                fe.FrontEnd(server.connect()).number(fe.GET_FEATURES)
                assert "names memory beyond the end of its file" in server.said(), server.said()


def case_memory_of_huge_pages():
    """memory of huge pages is served, and nothing of it is left in the role when it is gone"""
    disk()
    fd = os.memfd_create("huge", os.MFD_HUGETLB)
    os.ftruncate(fd, 2 << 20)
    try:
        mmap.mmap(fd, 2 << 20).close()
    except OSError:
        raise Skip("this machine has no huge page to spare (vm.nr_hugepages)") from None
    for name, *args in LISTENERS:
        with Listener(name, "s", *args) as server:
            front = fe.FrontEnd(server.connect()).up()
            role = int(sh("pgrep", "-P", str(server.process.pid)))
            for _ in range(3):
                front.regions(2 << 20, [fd])
                front.number(fe.GET_FEATURES)
            with open("/proc/%d/maps" % role, encoding="ascii") as f:
                assert sum("memfd:huge" in line for line in f) == 1
            front.table()
            front.number(fe.GET_FEATURES)
            with open("/proc/%d/maps" % role, encoding="ascii") as f:
                assert "memfd:huge" not in f.read()


def case_role_that_its_front_end_has_blocked():
    """a role that cannot end since its front end gave it a socket that takes an hour to close is ended, and the next front end is served"""
    disk()
    for name, *args in LISTENERS:
        with Listener(name, "s", *args) as server:
            front = fe.FrontEnd(server.connect())
            ours, theirs = lingering(3600)
            for request, end in ((fe.SET_VRING_CALL, ours), (fe.SET_VRING_ERR, theirs)):
                front.send(request, struct.pack("<Q", 0), [end.fileno()])
            front.number(fe.GET_FEATURES)
            ours.close()        # the role has each end once more
            theirs.close()
            front.sock.close()
            fe.FrontEnd(server.connect()).number(fe.GET_FEATURES)
            assert "had not ended 2 s later: it was killed" in server.said(), server.said()


def case_driver_reset_by_enable_alone():
    """a front end that resets with ENABLE 0 only, and sets up all anew, with other features and another size (A10)"""
    disk()
    with fe.Role("lguest-block", "--blk-file=disk.img", kind=fe.Disk) as role:
        front = role.up()
        for drop, size in ((0, 64), (1 << 29, 128), (1 << 28, 32)):
            front.queue(0, size)
            assert front.read(2, 512) == (0, bytes(range(256)) * 2), role.said()
            front.enable(0, 0)
            front.features(drop)
            front.table()


def case_ring_that_is_too_large():
    """a front end that asks for a larger ring than there is hears its size and QEMU's option for it (A18)"""
    disk()
    with fe.Role("lguest-block", "--blk-file=disk.img") as role:
        front = role.up()
        front.send(fe.SET_VRING_NUM, struct.pack("<II", 0, 1024))
        try:
            front.number(fe.GET_FEATURES)
            raise AssertionError("it goes on")
        except (EOFError, OSError):
            assert role.process.wait(5) == 3
        assert "at most 256 entries (QEMU: queue-size=256)" in role.said(), role.said()
    for page in glob.glob(os.path.join(fe.ROOT, "devices/*/lguest-*.1")):
        with open(page, encoding="utf-8") as f:
            assert "entries" in f.read(), page + " says nothing of ring sizes"


def case_image_too_small():
    """an image that is too small is a missing resource, status 1, not a wrong usage (A19)"""
    for size in (0, 1, 511):
        with open("disk.img", "wb") as f:
            f.truncate(size)
        status, said = fe.refusal("lguest-block", "--socket-path=s", "--blk-file=disk.img")
        assert status == 1 and "smaller than one block" in said, (status, said)
    assert fe.refusal("lguest-block", "--socket-path=s")[0] == 2
