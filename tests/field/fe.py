# SPDX-License-Identifier: GPL-2.0
"""A vhost-user front end and a driver's side of split virtqueues, small enough to send whatever a test wants."""
import array
import ctypes
import glob
import mmap
import os
import socket
import struct
import subprocess
import time

(GET_FEATURES, SET_FEATURES, SET_OWNER, RESET_OWNER, SET_MEM_TABLE) = (1, 2, 3, 4, 5)
(SET_VRING_NUM, SET_VRING_ADDR, SET_VRING_BASE, GET_VRING_BASE, SET_VRING_KICK, SET_VRING_CALL, SET_VRING_ERR) = (8, 9, 10, 11, 12, 13, 14)
(GET_PROTOCOL, SET_PROTOCOL, SET_VRING_ENABLE, GET_CONFIG, SET_CONFIG, RESET_DEVICE, SET_STATUS) = (15, 16, 18, 24, 25, 34, 39)
MEMORY, GPA, UADDR = 8 << 20, 0x100000, 0x7f0000000000
bindir = "build/release"
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def bare():
    """The device that needs nothing: its option in lguest-run has no grammar. It is the back end that is simplest to start."""
    for kind in sorted(glob.glob(os.path.join(ROOT, "devices/*/kind.c"))):
        with open(kind, encoding="utf-8") as f:
            if '.grammar = ""' in f.read():
                return os.path.basename(os.path.dirname(kind))
    raise LookupError("every device needs something")


BARE, BARE_OPTION = "lguest-" + bare(), "--" + bare()


class Queue:
    """A virtqueue at @base of the shared memory."""
    def __init__(self, fe, index, size, base):
        self.fe, self.index, self.size = fe, index, size
        self.desc, self.avail = base, base + 16 * size
        self.used = (self.avail + 6 + 2 * size + 4095) & ~4095
        end = self.used + 6 + 8 * size
        fe.mem[base:end] = bytes(end - base)
        self.kick, self.call = os.eventfd(0, os.EFD_CLOEXEC), os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.next = self.avail_idx = self.used_idx = 0

    def add(self, bufs, indirect=None):
        """@bufs: (offset, length, writable). With @indirect the chain lies in a table there. Return: the head."""
        head, n, table, first = self.next % self.size, len(bufs), self.desc, self.next
        if indirect is not None:
            struct.pack_into("<QIHH", self.fe.mem, self.desc + 16 * head, GPA + indirect, 16 * n, 4, 0)
            self.next += 1
            table, first = indirect, 0
        else:
            self.next += n
        for k, (off, length, writable) in enumerate(bufs):
            at, nxt = (first + k), first + k + 1
            if indirect is None:
                at, nxt = at % self.size, nxt % self.size
            last = k + 1 == n
            struct.pack_into("<QIHH", self.fe.mem, table + 16 * at, GPA + off, length, 2 * writable | (not last), 0 if last else nxt)
        struct.pack_into("<H", self.fe.mem, self.avail + 4 + 2 * (self.avail_idx % self.size), head)
        self.avail_idx = self.avail_idx + 1 & 0xffff
        # in one store: struct writes byte by byte, and the device would see a jump at each 256th
        ctypes.c_uint16.from_buffer(self.fe.mem, self.avail + 2).value = self.avail_idx
        os.eventfd_write(self.kick, 1)
        return head

    def take(self, timeout=5.0):
        """The next used entry, (head, length), or None."""
        until = time.monotonic() + timeout
        while struct.unpack_from("<H", self.fe.mem, self.used + 2)[0] == self.used_idx:
            if time.monotonic() > until:
                return None
            time.sleep(0.001)
        entry = struct.unpack_from("<II", self.fe.mem, self.used + 4 + 8 * (self.used_idx % self.size))
        self.used_idx = self.used_idx + 1 & 0xffff
        return entry


class FrontEnd:
    """One connection. EOFError or OSError: the back end hung up."""
    def __init__(self, sock):
        self.sock, self.queues = sock, {}
        self.fd = os.memfd_create("guest")
        os.ftruncate(self.fd, MEMORY)
        self.mem = mmap.mmap(self.fd, MEMORY)

    def send(self, request, payload=b"", fds=(), reply=False):
        anc = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.sock.sendmsg([struct.pack("<III", request, 1, len(payload)) + payload], anc)
        return self.answer() if reply else None

    def answer(self):
        head = self.sock.recv(12, socket.MSG_WAITALL)
        if len(head) < 12:
            raise EOFError("the back end hung up")
        return self.sock.recv(struct.unpack("<III", head)[2], socket.MSG_WAITALL)

    def number(self, request):
        return struct.unpack("<Q", self.send(request, reply=True))[0]

    def regions(self, size, fds):
        """As many regions of @size bytes, each in a file of its own."""
        rows = b"".join(struct.pack("<QQQQ", GPA + k * MEMORY, size, UADDR + k * MEMORY, 0) for k in range(len(fds)))
        self.send(SET_MEM_TABLE, struct.pack("<II", len(fds), 0) + rows, fds)

    def table(self):
        self.regions(MEMORY, [self.fd])

    def features(self, drop=0):
        self.offered = self.number(GET_FEATURES)
        self.acked = self.offered & ~drop & ~(1 << 33)      # no IOMMU here
        self.send(SET_FEATURES, struct.pack("<Q", self.acked))

    def up(self, drop=0):
        self.send(SET_OWNER)
        self.offered = self.number(GET_FEATURES)
        self.send(SET_PROTOCOL, struct.pack("<Q", self.number(GET_PROTOCOL)))
        self.features(drop)
        self.table()
        return self

    def queue(self, index, size=64, base=None):
        q = Queue(self, index, size, index * 0x10000 if base is None else base)
        self.queues[index] = q
        self.send(SET_VRING_NUM, struct.pack("<II", index, size))
        self.send(SET_VRING_BASE, struct.pack("<II", index, 0))
        self.send(SET_VRING_ADDR, struct.pack("<IIQQQQ", index, 0, UADDR + q.desc, UADDR + q.used, UADDR + q.avail, 0))
        self.send(SET_VRING_CALL, struct.pack("<Q", index), [q.call])
        self.send(SET_VRING_KICK, struct.pack("<Q", index), [q.kick])
        self.enable(index, 1)
        return q

    def enable(self, index, on):
        self.send(SET_VRING_ENABLE, struct.pack("<II", index, on))

    def config(self, size):
        return self.send(GET_CONFIG, struct.pack("<III", 0, size, 0) + bytes(size), reply=True)[12:]


class Disk(FrontEnd):
    HEADER, STATUS, TABLE, DATA = 0x40000, 0x44000, 0x48000, 0x80000

    def layout(self):
        """capacity, blk_size, physical_block_exp, alignments and limits of discard and write-zeroes"""
        f = struct.unpack("<QIIHBBIBBHIBBHIIIIIB", self.config(60)[:57])
        return dict(capacity=f[0], seg_max=f[2], block=f[6], physical=f[6] << f[7], discard_max=f[14], discard_align=f[16],
                    zeroes_max=f[17])

    def write_cache(self, on=None):
        """Choose, if said; return what it says then."""
        if on is not None:
            self.send(SET_CONFIG, struct.pack("<IIIB", 32, 1, 0, on))
        return self.config(60)[32]

    def submit(self, q, kind, sector, segments, indirect=False, slot=0):
        header, status = self.HEADER + 32 * slot, self.STATUS + slot
        struct.pack_into("<IIQ", self.mem, header, kind, 0, sector)
        self.mem[status] = 0xff
        return q.add([(header, 16, 0)] + segments + [(status, 1, 1)], self.TABLE if indirect else None)

    def request(self, kind, sector, segments, indirect=False, timeout=10):
        """Return: the status byte, or None when there was no answer."""
        q = self.queues[0]
        self.submit(q, kind, sector, segments, indirect)
        return self.mem[self.STATUS] if q.take(timeout) else None

    def write(self, sector, data, at=DATA):
        self.mem[at:at + len(data)] = data
        return self.request(1, sector, [(at, len(data), 0)])

    def read(self, sector, length, at=DATA):
        self.mem[at:at + length] = b"\xee" * length
        status = self.request(0, sector, [(at, length, 1)])
        return status, bytes(self.mem[at:at + length])

    def range(self, kind, sector, sectors, flags=0):
        self.mem[self.DATA:self.DATA + 16] = struct.pack("<QII", sector, sectors, flags)
        return self.request(kind, 0, [(self.DATA, 16, 0)])

    def flush(self):
        return self.request(4, 0, [])


def program(name):
    return os.path.join(bindir, name)


def spent(pid):
    """Processor seconds of a process and of those below it that live."""
    with open("/proc/%d/stat" % pid, encoding="ascii", errors="replace") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    with open("/proc/%d/task/%d/children" % (pid, pid), encoding="ascii") as f:
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") + sum(spent(int(child)) for child in f.read().split())


class Role:
    """A program of ours on a socket pair; leaving the block hangs up and waits for its end."""
    def __init__(self, name, *args, kind=FrontEnd, **kw):
        ours, theirs = socket.socketpair()
        self.log = os.memfd_create("log")
        self.process = subprocess.Popen([program(name), "--fd=%d" % theirs.fileno(), *args], stderr=self.log, pass_fds=[theirs.fileno()], **kw)
        theirs.close()
        self.fe = kind(ours)

    def said(self):
        return os.pread(self.log, 65536, 0).decode(errors="replace")

    def up(self, **kw):
        try:
            return self.fe.up(**kw)
        except (EOFError, OSError) as e:
            raise AssertionError("it does not start (status %s): %s" % (self.process.wait(10), self.said())) from e

    def burns(self, seconds=2):
        """Processor seconds that it and the processes below it use in the next @seconds."""
        before = spent(self.process.pid)
        time.sleep(seconds)
        return spent(self.process.pid) - before

    def end(self, timeout=10):
        self.fe.sock.close()
        return self.process.wait(timeout)

    def __enter__(self):
        return self

    def __exit__(self, *why):
        try:
            self.end()
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            if not why[0]:
                raise AssertionError("it does not end: " + self.said()) from None
        os.close(self.log)


def refusal(name, *args, timeout=10, **kw):
    """A start that must fail. Return: (status, what it said)."""
    r = subprocess.run([program(name), *args], stderr=subprocess.PIPE, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=timeout, **kw)
    return r.returncode, r.stderr.decode(errors="replace")
