#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Measures a part of `make bench`, writes its table into docs/performance.md between the part's marks, and draws it: docs/bench-PART.svg.

    report.py guest|smp|build|tlb|disk|net|DEVICE [BUILD]      DEVICE: one that has a bench.py in its folder
    report.py draw PART             table and drawing once more, from what was measured last (build/bench/PART.json)

A part is a function that measures and returns rows; what is written and drawn are the same numbers. It writes in build/bench and these two.
"""
import datetime
import glob
import html
import importlib.util
import json
import os
import platform
import re
import statistics
import subprocess
import sys

import block
import guest

ROOT = guest.ROOT
DOC = os.path.join(ROOT, "docs/performance.md")
NAMES = {"boot-us": "boot to init, thousands (by the guest's clock)", "getppid": "getppid", "signal": "signal handler",
         "page-touch": "anonymous page, first touch", "page-unmap": "unmap of a page",
         "page-again": "the same, memory used before", "file-touch": "page of a file, first touch", "mprotect-fault": "mprotect, fault, handler",
         "map-unmap-1M": "mmap + munmap of 1 MiB", "fork-exit-wait": "fork + exit + wait", "fork-exec-wait": "fork + exec + wait",
         "sh-c-true": "sh -c true", "thread": "thread, create and join", "pipe-roundtrip": "pipe, there and back",
         "switch-64-spaces": "round of 64 address spaces"}
SMP_NAMES = {"getppid": "getppid, on all at once", "touch-shared-mm": "first touch of a page, threads of one process",
             "touch-own-mm": "first touch of a page, a process each", "fork-exit-wait": "fork + exit + wait, the others idle",
             "shootdown-1": "shootdown of one page", "shootdown-512": "shootdown of 512 pages", "wake-other-cpu": "waking an idle CPU, there and back",
             "futex-contended": "contended futex, lock and unlock"}
DISK_ROWS = [(f"4 KiB random {what}, depth {depth}", f"rand{what}", 4096, depth) for what in ("read", "write") for depth in (1, 4, 32, 128)] + [
    (f"{name} read, depth 8", "read", size, 8) for name, size in (("512 bytes", 512), ("4 KiB", 4096), ("64 KiB", 65536), ("1 MiB", 1 << 20))]
FILES = {"disk": "/var/tmp/lguest-bench.img", "memory": "/dev/shm/lguest-bench.img"}
BLUE, GREEN, GREY = "#3465a4", "#73a657", "#999999"


def said(*argv):
    """The first line that a program prints."""
    return subprocess.run(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout.split("\n")[0].strip()


def commit():
    """What was measured. Not what this program writes: after one part docs/ differs from what is committed, and nothing that the next measures does."""
    changed = subprocess.run(["git", "diff", "--quiet", "HEAD", "--", ".", ":!docs"], cwd=ROOT).returncode
    return said("git", "describe", "--always", "--tags") + ("-dirty" if changed else "")


# --- parts: each returns what was measured with, the columns, the rows as cells, and what is drawn ---

def measure_guest(_):
    vmlinux = guest.prepare()
    columns = {"bare": guest.run_bare(vmlinux), "lguest": guest.run_guest(False)[0], "KVM": guest.figures_of(guest.run_kvm(vmlinux))}
    ticks = {who: {f.name: f.ticks for f in figures} for who, figures in columns.items()}
    rows = [[NAMES[name]] + [ticks[who][name] for who in ticks] for name in ticks["bare"] if name in NAMES]
    return {"with": f"{said('qemu-system-x86_64', '--version')}, guest kernel {os.path.basename(os.path.dirname(vmlinux))}",
            "head": ["instructions", "bare", "lguest", "KVM", "lguest, of bare", "KVM, of bare"],
            "rows": [[r[0], *(f"{n:,}" for n in r[1:]), f"{r[2] / r[1]:.2f}", f"{r[3] / r[1]:.2f}"] for r in rows],
            "title": "Instructions in a guest, of the same kernel booted bare", "labels": [r[0] for r in rows],
            "bars": [["lguest", BLUE, [r[2] / r[1] for r in rows]], ["KVM on emulated SVM", GREEN, [r[3] / r[1] for r in rows]]]}


def measure_smp(_):
    vmlinux, rows, drawn = guest.prepare(), [], {}
    for cpus in (2, 4):
        who = dict(zip(("lguest", "bare", "KVM"), ({f.name: f for f in figures} for figures in guest.run_smp(vmlinux, cpus))))
        wrong = [f"{name} ({w})" for w, figures in who.items() for name in SMP_NAMES if name not in figures or figures[name].number != cpus]
        if wrong:
            sys.exit(f"bench: a machine for {cpus} CPUs has not said, of so many, {', '.join(wrong)}: what it said is in {guest.OUT}/smp-*.out")
        for name, label in SMP_NAMES.items():
            ticks = [who[w][name].ticks for w in ("bare", "lguest", "KVM") if w in who]
            ratios = [n / ticks[0] for n in ticks[1:]]
            none = [""] * (3 - len(ticks))
            rows.append([f"{cpus} CPUs: {label}", *(f"{n:,}" for n in ticks), *none, *(f"{r:.2f}" for r in ratios), *none])
            drawn.setdefault(label, []).extend(ratios)
    return {"with": f"{said(guest.run(['tests/host/mkqemu.sh']).strip(), '--version')}, guest kernel {os.path.basename(os.path.dirname(vmlinux))}",
            "head": ["instructions", "bare", "lguest", "KVM", "lguest, of bare", "KVM, of bare"], "rows": rows,
            "title": "Several CPUs: instructions, of the same kernel booted bare", "labels": list(drawn),
            "bars": [["lguest, 2 CPUs", BLUE, [v[0] for v in drawn.values()]], ["KVM on emulated SVM, 2 CPUs", GREY, [v[1] for v in drawn.values()]],
                     ["lguest, 4 CPUs", GREEN, [v[2] for v in drawn.values()]]]}


def measure_build(_):
    vmlinux, rows, drawn = guest.prepare(), [], {"first": [], "again": []}
    for cpus in (1, 4):
        (here, there), files = guest.run_build(vmlinux, cpus)
        for mine, bare in zip(here, there):
            if mine.name != bare.name or mine.number != cpus or bare.number != cpus:
                sys.exit(f"bench: a machine for {cpus} CPUs has said {mine.name} with {mine.number} and {bare.name} with {bare.number}")
            ratio, which = mine.ticks / bare.ticks, mine.name.removeprefix("build-")
            rows.append([f"{cpus} CPU{'s'[:cpus > 1]}: make -j{cpus} of {files} files, {which}", f"{bare.ticks // 10**6:,}", f"{mine.ticks // 10**6:,}", f"{ratio:.2f}"])
            drawn[which].append(ratio)
    return {"with": f"{said(guest.run(['tests/host/mkqemu.sh']).strip(), '--version')}, {said('gcc', '--version')}, guest kernel {os.path.basename(os.path.dirname(vmlinux))}",
            "head": ["millions of instructions", "bare", "lguest", "of bare"], "rows": rows,
            "title": "A parallel build: instructions, of the same kernel booted bare", "labels": ["make -j1", "make -j4"],
            "bars": [["first", BLUE, drawn["first"]], ["again", GREEN, drawn["again"]]]}


def measure_tlb(_):
    text = subprocess.run(["make", "-s", "linux-flushes"], cwd=ROOT, stdout=subprocess.PIPE, text=True).stdout
    names = ["flushes of the whole TLB", "writes of CR4", "writes of CR3", "PCIDs loaded with their entries kept", "INVLPG", "INVPCID"]
    found = re.search(r"(\d+) exits: " + ", ".join(rf"(\d+) {name}" for name in names), text)
    if not found:
        sys.exit(f"bench: make linux-flushes said no counts:\n{text}")
    exits, *counts = map(int, found.groups())
    per = [1000 * count / exits for count in counts]
    return {"with": f"Bochs 3.0 with tests/host/bochs-tlb.patch, {exits:,} exits of a Linux guest", "head": ["in 1,000 exits, the host's own with them", "count"],
            "rows": [[n, f"{c:.2f}"] for n, c in zip(names, per)],
            "title": "In 1,000 exits of a Linux guest", "labels": names, "bars": [["count", BLUE, per]]}


def median(samples, i):
    return statistics.median(s[i] for s in samples)


def measure_disk(build):
    rounds, secs = int(os.environ.get("ROUNDS", 3)), float(os.environ.get("SECS", 0.5))
    rows, drawn = [], {}
    for where, path in FILES.items():
        made = block.prepare(path, 512 << 20)
        try:
            got = block.measure(build, path, rounds, secs, DISK_ROWS)
        finally:
            if made:
                os.unlink(path)
        for name, *_ in DISK_ROWS:
            r = got[name]
            of_raw, of_qsd = (statistics.median(o[0] / b[0] for o, b in zip(r["ours"], r[other])) for other in ("raw", "qsd"))
            drawn.setdefault(name, []).append(of_raw)
            rows.append([f"{where}: {name}", f"{median(r['raw'], 0):.0f}", f"{median(r['ours'], 0):.0f}", f"{of_raw:.2f}", f"{of_qsd:.2f}",
                         *(f"{median(r[who], 1):.1f}" for who in ("raw", "ours", "qsd")),
                         *(" / ".join(f"{median(r[who], i):.0f}" for i in (2, 3, 4)) for who in ("raw", "ours", "qsd"))])
    return {"with": f"{said('fio', '--version')}, {said('qemu-storage-daemon', '--version')}, medians of {rounds} interleaved rounds of {secs} s",
            "head": ["", "raw fio, 1/s", "lguest-block, 1/s", "of raw", "of qemu-storage-daemon", "CPU a request, us: raw", "ours", "qemu-storage-daemon",
                     "within, us, 50 / 99 / 99.9 %: raw", "ours", "qemu-storage-daemon"],
            "rows": rows, "title": "lguest-block: requests a second, of raw fio", "labels": list(drawn),
            "bars": [["disk", BLUE, [v[0] for v in drawn.values()]], ["memory (tmpfs)", GREEN, [v[1] for v in drawn.values()]]]}


def measure_net(build):
    rounds = os.environ.get("ROUNDS", "5")
    text = subprocess.run([f"{build}/tests/bench/bench-net", f"{build}/lguest-net", rounds, os.environ.get("SECS", "0.5")], cwd=ROOT,
                          stdout=subprocess.PIPE, text=True, check=True).stdout
    cells, labels, ours, ring = [], [], [], []
    for m in re.finditer(r"^(\w+) +(\d+) depth +(\d+) (plain loop|ring loop|lguest-net) +(\d+) frames/s +([\d.]+) us of processor a frame +([\d.]+) times the plain loop"
                         r"(?: +([\d.]+) of the ring loop)?(?: +within (.*) us)?$", text, re.M):
        name = f"{'send' if m[1] == 'tx' else 'receive'} {m[2]} bytes, {f'depth {m[3]}' if m[9] else 'full ring'}"
        if m[4] == "plain loop":
            labels.append(name)
            ring.append(0.0)
            ours.append(0.0)
        (ring if m[4] == "ring loop" else ours)[-1] = float(m[7])
        cells.append([f"{name}: {m[4]}", m[5], m[6], m[7], m[8] or "", m[9] or ""])
    return {"with": f"medians of {rounds} interleaved rounds", "rows": cells,
            "head": ["", "frames a second", "processor time a frame, us", "of the plain loop", "of a bare ring", "within, us, 50 / 99 / 99.9 %"],
            "title": "Frames a second, of one read() or write() a frame", "labels": labels,
            "bars": [["lguest-net", BLUE, ours], ["a bare ring (sending)", GREY, ring]]}


PARTS = {"guest": measure_guest, "smp": measure_smp, "build": measure_build, "tlb": measure_tlb, "disk": measure_disk, "net": measure_net}
for path in sorted(glob.glob(os.path.join(ROOT, "devices/*/tests/bench.py"))):
    device = importlib.util.module_from_spec(importlib.util.spec_from_file_location("bench", path))
    device.__spec__.loader.exec_module(device)
    PARTS[path.split("/")[-3]] = device.measure


# --- what is made of them ---

def table(part, d):
    lines = [f"`make bench-{part}-report`, {d['date']}, {d['commit']}; {d['with']}; {d['machine']}.", "",
             f"![{d['title']}](bench-{part}.svg)", "", "| " + " | ".join(d["head"]) + " |", "|" + "---|" * len(d["head"])]
    return "\n".join(lines + ["| " + " | ".join(r) + " |" for r in d["rows"]])


def write_table(part, d):
    with open(DOC, encoding="utf-8") as f:
        text = f.read()
    begin, end = f"<!-- report.py {part}: written by the bench, not by hand -->\n", f"\n<!-- report.py {part}: end -->"
    if begin not in text or end not in text:
        sys.exit(f"bench: {DOC} has no marks for {part}")
    head, tail = text.split(begin)[0], text.split(end)[1]
    with open(DOC, "w", encoding="utf-8") as f:
        f.write(head + begin + table(part, d) + end + tail)


def draw(part, d):
    """Groups of bars that lie, with a line at 1."""
    left, width, thick, top = 290, 420, 13, 58
    bars, group = d["bars"], thick * len(d["bars"]) + 9
    most = max(max(values) for _, _, values in bars) * 1.12 or 1
    height = top + group * len(d["labels"]) + 20
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 70}" height="{height}" font-family="sans-serif" font-size="12">',
           f'<rect width="100%" height="100%" fill="white"/><text x="10" y="20" font-size="15">{html.escape(d["title"])}</text>']
    for i, (name, colour, _) in enumerate(bars):
        out.append(f'<rect x="{10 + 200 * i}" y="31" width="12" height="12" fill="{colour}"/><text x="{28 + 200 * i}" y="41">{html.escape(name)}</text>')
    for k, label in enumerate(d["labels"]):
        y = top + group * k
        out.append(f'<text x="{left - 8}" y="{y + group / 2}" text-anchor="end">{html.escape(label)}</text>')
        for i, (_, colour, values) in enumerate(bars):
            if not values[k] and part == "net":
                continue    # there is no such loop
            w = values[k] / most * width
            out.append(f'<rect x="{left}" y="{y + thick * i}" width="{w:.1f}" height="{thick - 2}" fill="{colour}"/>'
                       f'<text x="{left + w + 4:.1f}" y="{y + thick * i + 10}" font-size="10">{values[k]:.2f}</text>')
    if most > 1 and part != "tlb":
        x = left + width / most
        out.append(f'<path d="M{x:.1f} {top - 6}V{height - 14}" stroke="black" stroke-dasharray="3 3"/>')
    with open(os.path.join(ROOT, f"docs/bench-{part}.svg"), "w", encoding="utf-8") as f:
        f.write("\n".join(out + ["</svg>"]) + "\n")


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "draw" and sys.argv[2] in PARTS:
        part, kept = sys.argv[2], os.path.join(guest.OUT, f"{sys.argv[2]}.json")
        with open(kept, encoding="utf-8") as f:
            d = json.load(f)
    elif len(sys.argv) in (2, 3) and sys.argv[1] in PARTS:
        part = sys.argv[1]
        os.makedirs(guest.OUT, exist_ok=True)
        try:
            os.nice(-15)
        except PermissionError:
            pass
        d = PARTS[part](sys.argv[2] if len(sys.argv) == 3 else "build/release")
        load = os.getloadavg()[0]
        d.update(date=datetime.date.today().strftime("%-d %B %Y"), commit=commit(), machine=f"Linux {platform.release()}, {os.cpu_count()} processors, load {load:.1f} at the end")
        with open(os.path.join(guest.OUT, f"{part}.json"), "w", encoding="utf-8") as f:
            json.dump(d, f)
    else:
        sys.exit(__doc__)
    write_table(part, d)
    draw(part, d)
    print(table(part, d))


if __name__ == "__main__":
    main()
