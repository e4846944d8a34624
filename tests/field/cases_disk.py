# SPDX-License-Identifier: GPL-2.0
"""Images and disks of every kind of block: what a guest was promised it gets, with and without --direct, on both engines."""
import errno
import hashlib
import os
import random
import shutil
import struct
import subprocess

import fe
from run import Loop, Skip, eventually, mount_tmpfs, sh

SIZE = 8 << 20
READ, WRITE, DISCARD, ZEROES = 0, 1, 11, 13


class Mounted:
    """A file system of a kind on a loop device, at @path."""
    def __init__(self, kind, path="fs", size=400 << 20):
        tool = "mkfs." + kind
        if not shutil.which(tool, path=os.environ["PATH"] + ":/sbin:/usr/sbin"):
            raise Skip("no %s here" % tool)
        self.path = path
        self.loop = Loop(kind + ".fs", size)
        try:
            os.mkdir(path)
            sh(tool, "-q", self.loop.name)
            sh("mount", self.loop.name, path)
        except AssertionError as e:
            self.loop.__exit__()
            if "unknown filesystem" in str(e):
                raise Skip("no %s in this kernel" % kind) from None
            raise

    def __enter__(self):
        return self.path

    def __exit__(self, *why):
        """A role's last operations keep its image busy for an instant after its end."""
        try:
            eventually("umount", self.path)
        finally:
            self.loop.__exit__()


def pattern(seed, size):
    return random.Random(seed).randbytes(size)


def fill(path, size=SIZE):
    """A disk whose first sectors are a GPT of 512-byte sectors, as a partition tool sees it."""
    with open(path, "r+b" if os.path.exists(path) else "wb") as f:
        f.write(pattern(1, size))
        f.seek(512)
        f.write(b"EFI PART")
        f.seek(size - 512)
        f.write(b"EFI PART")
    return path


ENGINES = ((), ("--no-io-uring",))
ASKEW = ((3, 1), (7, 2), (8, 8), (9, 40), (1, 301), (16376, 8), (16383, 1))


def disk_of_512(path, *options):
    """As a disk of 512-byte sectors: its tables where they are, any sector, whatever lies around it untouched."""
    for engine in ENGINES:
        model = bytearray(pattern(1, SIZE))
        model[512:520] = model[SIZE - 512:SIZE - 504] = b"EFI PART"
        fill(path)
        with fe.Role("lguest-block", "--blk-file=" + path, *options, *engine, kind=fe.Disk) as role:
            front = role.up()
            front.queue(0)
            told = front.layout()
            assert told["block"] == 512 and told["capacity"] == SIZE // 512, told
            for sector in (1, SIZE // 512 - 1):
                status, data = front.read(sector, 512)
                assert status == 0 and data[:8] == b"EFI PART", (status, data[:8], role.said())
            for n, (sector, count) in enumerate(ASKEW):
                data = pattern(100 + n, 512 * count)
                assert front.write(sector, data) == 0, (sector, count, role.said())
                model[512 * sector:512 * (sector + count)] = data
                assert front.read(sector, 512 * count) == (0, data), (sector, count)
            assert front.flush() == 0
            for sector in range(0, SIZE // 512, 2048):
                assert front.read(sector, 1 << 20) == (0, bytes(model[sector * 512:sector * 512 + (1 << 20)])), (options, engine, sector)
        with open(path, "rb") as f:
            assert hashlib.sha256(f.read()).digest() == hashlib.sha256(model).digest(), (options, engine)


def adjacent_sectors(path, *options):
    """64 requests at once, each for a sector of its own of the same blocks: none takes back what another wrote."""
    with fe.Role("lguest-block", "--blk-file=" + path, *options, kind=fe.Disk) as role:
        front = role.up()
        q = front.queue(0, 256)
        for turn in range(8):
            for n in range(64):
                at = front.DATA + 512 * n
                front.mem[at:at + 512] = bytes([n + turn]) * 512
                front.submit(q, WRITE, 64 + n, [(at, 512, 0)], slot=n)
            assert all(q.take() for n in range(64)) and not any(front.mem[front.STATUS:front.STATUS + 64]), role.said()
            want = b"".join(bytes([n + turn]) * 512 for n in range(64))
            assert front.read(64, 64 * 512, at=front.DATA + 0x100000) == (0, want), turn


def case_direct_on_tmpfs():
    """--direct on a file system that does not tell its blocks (tmpfs) is a disk of 512-byte sectors (A4)"""
    mount_tmpfs("t", "size=32m")
    fill("t/a.img")
    if "no direct I/O" in fe.refusal("lguest-block", "--socket-path=" + "x" * 200, "--blk-file=t/a.img", "--direct")[1]:
        raise Skip("no direct I/O on tmpfs here")
    disk_of_512("t/a.img", "--direct")
    adjacent_sectors("t/a.img", "--direct")


def case_direct_on_btrfs():
    """--direct on btrfs is a disk of 512-byte sectors (A4, B13)"""
    with Mounted("btrfs") as path:
        disk_of_512(path + "/a.img", "--direct")
        adjacent_sectors(path + "/a.img", "--direct")


def case_direct_on_reflinked_xfs():
    """--direct on XFS, before and after cp --reflink, is a disk of 512-byte sectors (A4, B13)"""
    with Mounted("xfs") as path:
        disk_of_512(path + "/a.img", "--direct")
        sh("cp", "--reflink=always", path + "/a.img", path + "/b.img")
        for name in ("a.img", "b.img"):
            disk_of_512(path + "/" + name, "--direct")
        sh("cp", "--reflink=always", path + "/a.img", path + "/c.img")
        adjacent_sectors(path + "/c.img", "--direct")
        with fe.Role("lguest-block", "--blk-file=" + path + "/c.img", "--direct", kind=fe.Disk) as role:
            assert role.up().layout()["physical"] == 4096


def case_direct_and_odd_sizes():
    """--direct on blocks of 4096: an image of an odd number of sectors is refused for writing, with what to do, and whole for reading (A4)"""
    with Loop(fill("odd.img"), SIZE, 4096) as name:
        with Mounted("btrfs") as path:
            fill(path + "/a.img", SIZE + 512)
            status, said = fe.refusal("lguest-block", "--socket-path=s", "--blk-file=" + path + "/a.img", "--direct")
            assert status == 1 and "leave out --direct, or make it longer" in said, said
            with fe.Role("lguest-block", "--blk-file=" + path + "/a.img", "--direct", "--read-only", kind=fe.Disk) as role:
                front = role.up()
                front.queue(0)
                last = SIZE // 512
                assert front.layout()["capacity"] == last + 1
                status, data = front.read(last, 512)
                assert status == 0 and data[:8] == b"EFI PART"
                assert front.read(last - 3, 2048)[0] == 0
                assert front.read(last - 3, 2560)[0] == 1
        with fe.Role("lguest-block", "--blk-file=" + name, "--block-size=4096", kind=fe.Disk) as role:
            assert role.up().layout()["block"] == 4096
        assert fe.refusal("lguest-block", "--socket-path=s", "--blk-file=" + name, "--block-size=1000")[0] == 2


def case_4kn_disk():
    """a disk of 4096-byte sectors, buffered and direct: any sector, write-zeroes and discard of any range (A5, B10)"""
    with Loop("k4.img", SIZE, 4096) as name:
        for options in ((), ("--direct",)):
            disk_of_512(name, *options)
            adjacent_sectors(name, *options)
            ranges_4kn(name, *options)


def ranges_4kn(name, *options):
    for engine in ENGINES:
        model = bytearray(pattern(7, SIZE))
        with fe.Role("lguest-block", "--blk-file=" + name, *options, *engine, kind=fe.Disk) as role:
            front = role.up()
            front.queue(0)
            told = front.layout()
            assert told["discard_align"] == 8 and not told["discard_max"] % 8 and not told["zeroes_max"] % 8 and told["zeroes_max"] == 131072, told
            for at in range(0, SIZE, 1 << 20):
                assert front.write(at // 512, bytes(model[at:at + (1 << 20)])) == 0
            for sector, count, flags in ((8, 8, 0), (17, 1, 0), (33, 1, 1), (41, 6, 0), (47, 2, 1), (63, 50, 0), (128, 1024, 1), (1999, 4001, 0), (16383, 1, 0)):
                assert front.range(ZEROES, sector, count, flags) == 0, (options, engine, sector, count, role.said())
                model[512 * sector:512 * (sector + count)] = bytes(512 * count)
            for at in range(0, SIZE, 1 << 20):
                assert front.read(at // 512, 1 << 20) == (0, bytes(model[at:at + (1 << 20)])), (options, engine, at)
            # a discard may leave the parts of blocks alone, and must leave what it was not asked for
            for sector, count in ((9001, 1), (9009, 3), (9021, 30), (9600, 8)):
                assert front.range(DISCARD, sector, count) == 0, (options, engine, sector, count, role.said())
            for sector, count in ((8999, 2), (9002, 7), (9012, 9), (9051, 5), (9592, 8), (9608, 8)):
                status, data = front.read(sector, 512 * count)
                assert status == 0 and data == bytes(model[512 * sector:512 * (sector + count)]), (options, engine, sector)
            assert front.range(ZEROES, SIZE // 512 - 1, 2) == 1 and front.range(DISCARD, SIZE // 512, 1) == 1


def case_queue_that_waits_for_another():
    """two queues with one bound: while one has used it up, a request on the other waits, and the process sleeps"""
    fill("two.img")
    with fe.Role("lguest-block", "--blk-file=two.img", "--num-queues=2", "--bw=1000000", kind=fe.Disk) as role:
        front = role.up()
        first, second = front.queue(0), front.queue(1)
        front.submit(second, READ, 0, [(front.DATA, 512, 1)])
        assert second.take()
        front.submit(first, READ, 0, [(front.DATA, 3 << 20, 1)], slot=1)
        assert first.take()
        front.submit(second, READ, 0, [(front.DATA, 512, 1)], slot=2)
        burnt = role.burns(1.5)
        assert not second.take(0) and burnt < 0.05, "%.2f s of a processor in 1.5 s" % burnt
        assert second.take(10)


def case_busy_queue_leaves_the_bound_to_others():
    """two queues with one bound: the one that always has more waiting is not the only one that is served"""
    fill("two.img")
    for bound in ("--iops=50", "--bw=1000000"):
        with fe.Role("lguest-block", "--blk-file=two.img", "--num-queues=2", bound, kind=fe.Disk) as role:
            front = role.up()
            queues = front.queue(0), front.queue(1)
            for busy, other in (queues, queues[::-1]):
                for slot in range(16):
                    front.submit(busy, READ, 0, [(front.DATA, 65536, 1)], slot=slot)
                front.submit(other, READ, 8, [(front.DATA, 512, 1)], slot=16)
                served = 0
                while not other.take(0):
                    if busy.take(0.01):
                        served += 1
                        assert served < 100, "%s: the other queue waits for ever" % bound
                        front.submit(busy, READ, 0, [(front.DATA, 65536, 1)], slot=served % 16)
                for _ in range(16):
                    assert busy.take(10)


def case_disk_that_makes_no_holes():
    """a block device that knows neither discard nor write-zeroes (a plain disk): zeroes are zeroes, also with UNMAP, and a discard does nothing"""
    os.mkdir("ram")
    sh("mount", "-t", "ramfs", "none", "ram")
    with Loop("ram/plain.img", SIZE) as name:
        with fe.Role("lguest-block", "--blk-file=" + name, kind=fe.Disk) as role:
            front = role.up()
            front.queue(0)
            assert front.write(0, b"x" * 8192) == 0
            assert front.range(DISCARD, 0, 8) == 0 and front.range(ZEROES, 0, 8, 1) == 0
            assert front.read(0, 8192) == (0, bytes(4096) + b"x" * 4096)


def case_error_that_passes_takes_no_feature():
    """a process that comes while the image's server answers with an error offers what the one before it did"""
    fill("holes.img")
    offered = []
    for code in (0, errno.ENOSPC, errno.EIO, errno.EINTR, errno.EOPNOTSUPP):
        more = {"LD_PRELOAD": fe.program("field-errors.so"), "FIELD_HOLES": str(code)} if code else {}
        with fe.Role("lguest-block", "--blk-file=holes.img", kind=fe.Disk, env={**os.environ, **more}) as role:
            role.up()
            offered.append(role.fe.offered)
    assert offered[:4] == offered[:1] * 4 and offered[4] != offered[0], offered


def case_rings_for_root_alone():
    """io_uring for root alone (kernel.io_uring_disabled is 1): what root starts runs as another user, and serves without"""
    fill("plain.img")
    with fe.Role("lguest-block", "--blk-file=plain.img", kind=fe.Disk,
                 env={**os.environ, "LD_PRELOAD": fe.program("field-errors.so"), "FIELD_RINGS": "1"}) as role:
        front = role.up()
        front.queue(0)
        assert front.write(0, bytes(512)) == 0 and "runs without io_uring" in role.said(), role.said()


def case_write_zeroes_of_the_longest():
    """the longest write-zeroes that a 4Kn disk offers, beginning at its second sector (A5); the longest that an earlier version did, and none that is longer"""
    with Loop("big.img", 6 << 30, 4096) as name:
        with fe.Role("lguest-block", "--blk-file=" + name, "--direct", kind=fe.Disk) as role:
            front = role.up()
            front.queue(0)
            longest = front.layout()["zeroes_max"]
            assert front.range(ZEROES, 0, longest) == 0 and front.range(ZEROES, 1, longest) == 0 and front.range(DISCARD, 0, longest) == 0
            for kind in (ZEROES, DISCARD):
                assert front.range(kind, 0, longest + 1) == front.range(kind, 1, 4194303) == 0
                assert front.range(kind, 0, 4194304) == front.range(kind, 0, 12 << 20) == 1


def case_write_through_stays():
    """a driver's write-through outlives all that front ends say when a guest is stopped, goes on, or reboots"""
    with open("a.img", "wb") as f:
        f.truncate(SIZE)
    for engine in ENGINES:
        with fe.Role("lguest-block", "--blk-file=a.img", *engine, kind=fe.Disk) as role:
            front = role.up()
            front.queue(0)
            assert front.write_cache() == 1 and front.write_cache(0) == 0
            base = struct.pack("<II", 0, 0)
            before = [lambda: front.send(fe.RESET_OWNER), lambda: front.send(fe.GET_VRING_BASE, base, reply=True), lambda: front.send(fe.RESET_DEVICE)]
            if not engine:  # the other one does not offer STATUS
                before.append(lambda: front.send(fe.SET_STATUS, struct.pack("<Q", 0)))
            for k, first in enumerate(before):
                first()
                front.send(fe.SET_FEATURES, struct.pack("<Q", front.acked))
                assert front.write_cache() == 0, (engine, k)
                if k:   # which has stopped the ring
                    front.queue(0)
            # and so does a driver's other choice
            assert front.write_cache(1) == 1
            front.send(fe.RESET_DEVICE)
            front.send(fe.SET_FEATURES, struct.pack("<Q", front.acked))
            assert front.write_cache() == 1


def case_more_segments():
    """chains of 1 to 254 data segments, and of 1024 in an indirect table, are served (A9)"""
    with open("a.img", "wb") as f:
        f.write(pattern(3, SIZE))
    for engine in ENGINES:
        with fe.Role("lguest-block", "--blk-file=a.img", *engine, kind=fe.Disk) as role:
            front = role.up()
            front.queue(0, 256)
            for n, indirect in [(n, False) for n in (1, 125, 126, 127, 128, 129, 200, 254)] + [(n, True) for n in (127, 500, 1022)]:
                at, data = front.DATA, pattern(n, 512 * n)
                # every second one backwards, so that the order counts
                parts = [(at + 512 * (k ^ 1 if (k ^ 1) < n else k), 512) for k in range(n)]
                for k, (where, _) in enumerate(parts):
                    front.mem[where:where + 512] = data[512 * k:512 * k + 512]
                assert front.request(WRITE, 5, [(w, l, 0) for w, l in parts], indirect) == 0, (n, indirect, role.said())
                assert front.read(5, 512 * n, at=front.DATA + 0x100000) == (0, data), (n, indirect)
                front.mem[at:at + 512 * n] = bytes(512 * n)
                assert front.request(READ, 5, [(w, l, 1) for w, l in parts], indirect) == 0
                assert b"".join(front.mem[w:w + l] for w, l in parts) == data, (n, indirect)
            assert front.read(0, 512)[0] == 0


def case_image_that_grows_and_shrinks():
    """an image that grows keeps its size for the guest, one that is cut is I/O errors behind its end, and comes back (B15)"""
    with open("a.img", "wb") as f:
        f.write(pattern(3, SIZE))
    with fe.Role("lguest-block", "--blk-file=a.img", kind=fe.Disk) as role:
        front = role.up()
        front.queue(0)
        os.truncate("a.img", 2 * SIZE)
        assert front.layout()["capacity"] == SIZE // 512 and front.read(SIZE // 512, 512)[0] == 1
        os.truncate("a.img", SIZE // 2)
        assert front.read(SIZE // 512 - 8, 4096)[0] == 1 and front.read(0, 512)[0] == 0
        assert front.write(SIZE // 512 - 8, b"x" * 4096) == 0 and front.read(SIZE // 512 - 8, 4096) == (0, b"x" * 4096)
