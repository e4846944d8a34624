# SPDX-License-Identifier: GPL-2.0
"""The part vsock of `make bench` (tests/bench/report.py): messages through lguest-vsock, and through a socket pair. It runs bench-vsock, and nothing else."""
import os
import statistics
import subprocess


def of(samples, i):
    return statistics.median(s[i] for s in samples)


def run(*argv):
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout


def measure(build):
    """Rows, and what is drawn of them, as report.py has it of each part."""
    rounds, secs = int(os.environ.get("ROUNDS", 5)), os.environ.get("SECS", "0.5")
    rows, labels, ratios = [], [], []
    for what, label, sizes in (("out", "guest to host", (512, 4096, 65536)), ("in", "host to guest", (512, 4096, 65536)), ("echo", "there and back", (64, 512, 4096, 65536))):
        for size in sizes:
            got = {who: [] for who in ("raw", f"{build}/lguest-vsock")}
            for _ in range(rounds):
                for who, samples in got.items():
                    samples.append([float(n) for n in run(f"{build}/bench-vsock", who, what, str(size), secs).split()])
            raw, ours = got.values()
            ratios.append(statistics.median(o[0] / r[0] for o, r in zip(ours, raw)))
            labels.append(f"{label}, {size} bytes")
            rows.append([labels[-1], f"{of(raw, 0):.0f}", f"{of(ours, 0):.0f}", f"{ratios[-1]:.2f}", f"{of(ours, 0) * size / (1 << 20):.1f}", f"{of(ours, 1):.2f}",
                         *(" / ".join(f"{of(s, i):.0f}" for i in (2, 3, 4)) if what == "echo" else "" for s in (raw, ours))])
    return {"with": f"medians of {rounds} interleaved rounds of {secs} s", "rows": rows,
            "head": ["messages", "socket pair, 1/s", "lguest-vsock, 1/s", "of a socket pair", "MiB/s", "CPU of the role a message, us",
                     "within, us, 50 / 99 / 99.9 %: socket pair", "lguest-vsock"],
            "title": "lguest-vsock: messages a second, of a socket pair", "labels": labels, "bars": [["lguest-vsock", "#3465a4", ratios]]}
