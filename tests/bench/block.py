#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Measures lguest-block against raw fio and qemu-storage-daemon (io_uring, same front end, same file).

    tests/bench/block.py BUILD [--file PATH]... [--rounds 5] [--secs 2]

Rounds are interleaved: each round measures every variant of every row once, and a ratio is taken within its round, so
that other load on the machine hits all alike; medians are printed, as a table in Markdown for each file, and checked against the
promises of the project. Without --file there are two: one on the machine's disk, one in memory (tmpfs), where no disk plays a part.
CPU is user and system time of the back end's process by /proc, its kernel threads included. The file is opened with O_DIRECT by all
three, and written to: one that was there is kept, with other contents. Exit status 1 when a promise is not kept.
"""

import argparse
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROWS = [  # name, fio's rw, block, depth
    ("4 KiB random read, depth 1", "randread", 4096, 1),
    ("4 KiB random read, depth 32", "randread", 4096, 32),
    ("4 KiB random write, depth 1", "randwrite", 4096, 1),
    ("4 KiB random write, depth 32", "randwrite", 4096, 32),
    ("128 KiB read, depth 8", "read", 131072, 8),
    ("128 KiB write, depth 8", "write", 131072, 8),
]
# Where the disk limits the rate, and where only the back end does.
FILES = ["/var/tmp/lguest-bench.img", "/dev/shm/lguest-bench.img"]
TICK = os.sysconf("SC_CLK_TCK")


def cpu(pid, reaped):
    """CPU seconds of a process with all its threads, or of the children that it has waited for."""
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return sum(int(n) for n in (fields[13:15] if reaped else fields[11:13])) / TICK


class Back:
    """A back end that serves one front end after another on a socket."""

    def __init__(self, argv, sock):
        self.sock = sock
        for _ in range(100):
            # The image may still be locked by the last requests of the one before: then this one ends, and is started again.
            if not getattr(self, "process", None) or self.process.poll() is not None:
                self.process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(0.05)
            if os.path.exists(sock) and self.process.poll() is None:
                return
        sys.exit(f"bench: {argv[0]} does not listen")

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        time.sleep(0.3)     # its role and the image's lock end with it, a moment later

    def measure(self, blkfe, row, secs, own):
        """Returns requests a second, CPU microseconds a request, and in how many microseconds half, 99 and 99.9 per cent of them were over."""
        before = cpu(self.process.pid, own)
        front = subprocess.run([blkfe, "bench", self.sock, row[1], str(row[2]), str(row[3]), str(secs)],
                               stdout=subprocess.PIPE, text=True)
        if front.returncode:
            sys.exit(f"bench: {row[0]} failed")
        time.sleep(0.2)     # our role ends with its connection and is waited for
        out = front.stdout.split()
        late = [float(out[out.index(name) + 1]) for name in ("p50", "p99", "p99.9")]
        return (float(out[0]), (cpu(self.process.pid, own) - before) / int(out[-1]) * 1e6, *late)


def raw(path, row, secs):
    out = subprocess.run(["fio", "--name=r", f"--filename={path}", f"--rw={row[1]}", f"--bs={row[2]}",
                          f"--iodepth={row[3]}", "--ioengine=io_uring", "--direct=1", "--time_based",
                          f"--runtime={round(secs * 1000)}ms", "--lat_percentiles=1", "--percentile_list=50:99:99.9", "--output-format=json", "--norandommap", "--randrepeat=0"],
                         capture_output=True, text=True, check=True)
    job = json.loads(out.stdout[out.stdout.index("{"):])["jobs"][0]
    side = job["write" if "write" in row[1] else "read"]
    total = job["usr_cpu"] + job["sys_cpu"]
    late = [side["lat_ns" if "percentile" in side["lat_ns"] else "clat_ns"]["percentile"][f"{p:.6f}"] / 1000 for p in (50, 99, 99.9)]
    return (side["iops"], total / 100 / side["iops"] * 1e6, *late)


def prepare(path, size):
    """Makes the file, unless it is there: then it is the user's. Returns whether it was made here."""
    if os.path.exists(path):
        return False
    with open(path, "wb") as f:
        block = os.urandom(1 << 20)
        for _ in range(size >> 20):
            f.write(block)
        os.fsync(f.fileno())
    return True


def measure(build, path, rounds, secs, rows=ROWS):
    """Every row and variant, @rounds times. Returns {row's name: {variant: [(requests a second, CPU us a request), ...]}}."""
    blkfe, folder = f"{build}/tests/bench/blkfe", tempfile.mkdtemp()

    def ours():
        return Back([f"{build}/lguest-block", f"--socket-path={folder}/ours", f"--blk-file={path}", "--direct"], f"{folder}/ours")

    def qsd():
        return Back(["qemu-storage-daemon", "--object", "iothread,id=io", "--blockdev",
                     f"driver=file,filename={path},node-name=f,aio=io_uring,cache.direct=on", "--export",
                     f"type=vhost-user-blk,id=e,node-name=f,addr.type=unix,addr.path={folder}/qsd,writable=on,iothread=io"],
                    f"{folder}/qsd")

    got = {row[0]: {"raw": [], "ours": [], "qsd": []} for row in rows}
    for n in range(rounds):
        for row in rows:
            got[row[0]]["raw"].append(raw(path, row, secs))
            for name, make in (("ours", ours), ("qsd", qsd)):   # each locks the image: one at a time
                back = make()
                got[row[0]][name].append(back.measure(blkfe, row, secs, name == "ours"))
                back.end()
                if os.path.exists(f"{folder}/{name}"):
                    os.unlink(f"{folder}/{name}")
        print(f"{path}: round {n + 1} of {rounds}", file=sys.stderr)
    os.rmdir(folder)
    return got


def report(path, got):
    """Prints the table of one file. Returns the number of promises that were not kept."""
    failed = 0
    print(f"\n{path}:\n\n| | raw fio, 1/s | lguest-block, 1/s | of raw | of qemu-storage-daemon | CPU a request: raw | ours | "
          "qemu-storage-daemon |\n|---|---|---|---|---|---|---|---|")
    for row in ROWS:
        r = got[row[0]]
        med = {k: statistics.median(v[0] for v in r[k]) for k in r}
        use = {k: statistics.median(v[1] for v in r[k]) for k in r}
        of_raw = statistics.median(o[0] / b[0] for o, b in zip(r["ours"], r["raw"]))
        of_qsd = statistics.median(o[0] / b[0] for o, b in zip(r["ours"], r["qsd"]))
        print(f"| {row[0]} | {med['raw']:.0f} | {med['ours']:.0f} | {of_raw:.2f} | {of_qsd:.2f} | {use['raw']:.1f} us | "
              f"{use['ours']:.1f} us | {use['qsd']:.1f} us |")
        deep = row[2] == 4096 and row[3] == 32
        promises = [("of qemu-storage-daemon", of_qsd, 2.0 if deep else 1.0)]
        if deep:
            promises.append(("of raw", of_raw, 0.8 if "write" in row[1] else 0.9))
            promises.append(("CPU, qemu-storage-daemon's to ours", use["qsd"] / use["ours"], 3.0))
        for what, value, least in promises:
            if value < least:
                failed += 1
                print(f"bench: {path}: {row[0]}: {what} {value:.2f}, promised {least}", file=sys.stderr)
    return failed


def main():
    p = argparse.ArgumentParser()
    p.add_argument("build")
    p.add_argument("--file", action="append", help="measure on this file; may be given several times")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--secs", type=float, default=2)
    a = p.parse_args()
    try:
        os.nice(-15)
    except PermissionError:
        pass
    failed = 0
    for path in a.file or FILES:
        made = prepare(path, 512 << 20)
        try:
            os.close(os.open(path, os.O_RDWR | os.O_DIRECT))
            failed += report(path, measure(a.build, path, a.rounds, a.secs))
        except OSError as e:
            sys.exit(f"bench: {path}: {e.strerror} (Linux before 6.6 has no O_DIRECT on tmpfs: name other files with --file)")
        finally:
            if made:
                os.unlink(path)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
