#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What a Linux guest's system calls, faults, processes and switches cost, in instructions (QEMU's -icount), and which functions execute them.

    guest.py table              every figure, in a guest and in the same kernel booted bare, with the ratio
    guest.py profile NAME...    the functions of a figure, in the guest and bare, the largest difference first
    guest.py budget             TAP: each figure against tests/bench/budget; one that has grown by more than 3 % names what grew
    guest.py update             writes tests/bench/budget anew: by hand, for a reason that the commit gives

The figures are those of tests/linux/guest/bench.c; the counting is count.c's, a plugin of QEMU. Host, guest kernel and module are what
tests/host/run makes of this tree. Functions have a letter before them: G guest kernel, S switcher, L lg.ko, H host kernel, U user programs.
It writes in build/bench only.
"""
import base64
import bisect
import collections
import gzip
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OUT = os.path.join(ROOT, "build/bench")
BUDGET = os.path.join(ROOT, "tests/bench/budget")
MORE = 1.03
SMALL = 0.005               # of a figure: smaller functions are not kept in the budget
SWITCHER = range(0xffff800000000000, 0xffff808000000000)
LABELS = ("lg_idt_stubs", "lg_nmi_stub", "lg_mce_stub", "lg_db_stub", "lg_df_stub", "lg_syscall", "lg_cstar", "lg_switcher_enter")
# With four a guest of KVM's is given an interrupt that it has masked, by QEMU 10.0's SVM, and dies of a double fault
KVM_CPUS = 2
# Not in the budget: no path; no exit in it; what Linux's slabs make of it
NOISY = ("boot-us", "clock_gettime", "thread")


class Figure:
    """One line that bench.c printed: ticks for one time, and by which number the plugin counted how many times."""

    def __init__(self, line):
        self.name, ticks, number, times = line.split()
        self.ticks, self.number, self.times = int(ticks), int(number), int(times)


class Symbols:
    """Addresses to names, from lines as nm(1) and kallsyms have them."""

    def __init__(self, lines, lowest=0):
        found = sorted((int(w[0], 16), w[2]) for w in map(str.split, lines) if len(w) >= 3 and int(w[0], 16) >= lowest)
        self.address, self.name = [a for a, _ in found], [n for _, n in found]
        self.of = {n: a for a, n in found}

    def at(self, address):
        i = bisect.bisect_right(self.address, address) - 1
        return self.name[i] if i >= 0 else "?"


class Names:
    """Which function an address is of, whoever's it is."""

    def __init__(self, guest, module=(), host=()):
        self.guest, self.module, self.host = Symbols(guest), Symbols(module, 0xffffffffc0000000), Symbols(host)
        start = self.module.of.get("lg_switcher_start", 0)
        self.labels = sorted((self.module.of[n] - start, n) for n in LABELS if n in self.module.of)

    def __call__(self, address):
        if address < 1 << 47:
            return "U:user"
        if address in SWITCHER:
            return "S:" + ([n for at, n in self.labels if at <= address & 0xffff] or ["?"])[-1]
        if self.guest.of["_text"] <= address < self.guest.of["_end"]:
            return "G:" + self.guest.at(address)
        if self.module.address and self.module.address[0] <= address < self.module.address[-1] + 0x1000:
            return "L:" + self.module.at(address)
        return "H:" + self.host.at(address)


def run(argv, **options):
    return subprocess.run(argv, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True, errors="replace", **options).stdout


def prepare():
    """The plugin, the guest kernel and its file system."""
    os.makedirs(OUT, exist_ok=True)
    run(["make", "-s", "build/bench/count.so"])
    run(["guest/mkinitramfs.sh", "-o", f"{OUT}/bench.cpio", "-f", "build/release/linux-bench:/bin/linux-bench", "-c",
         'echo; /bin/linux-bench | sed "s/^/bench: /"'])
    return run(["guest/kernel.sh"]).strip()


def plugin(name):
    return f"file={OUT}/count.so,out={OUT}/{name}.counts"


def lines_of(text, mark):
    return [line.split(mark, 1)[1].strip() for line in text.replace("\r", "").split("\n") if mark in line]


def figures_of(text):
    return [Figure(x) for x in lines_of(text, "bench: ") if len(x.split()) == 4]


def run_guest(symbols):
    """A guest in the test host. Returns the figures, and the symbols of lg.ko and (@symbols) of the host's kernel."""
    more = "; grep -iE ' [tw] ' /proc/kallsyms | grep -v '\\]' | gzip -9 | base64 | sed 's/^/sym: /'" if symbols else ""
    text = run(["tests/host/run", "--lguest", "/", "--linux", "--icount", "--mem", "768", "--pti", "off", "--timeout", "400", "--file", f"{OUT}/bench.cpio",
                "--qemu=-plugin", f"--qemu={plugin('guest')}", "--", "insmod /lg.ko && grep '.lg.$' /proc/kallsyms | sed 's/^/mod: /'; "
                "/lguest-run --kernel /vmlinux --initrd /bench.cpio --memory 128 --cmdline quiet --log /log </dev/null" + more])
    host = gzip.decompress(base64.b64decode("".join(lines_of(text, "sym: ")))).decode().split("\n") if symbols else []
    return figures_of(text), lines_of(text, "mod: "), host


def run_bare(vmlinux):
    text = run(["timeout", "300", "qemu-system-x86_64", "-M", "microvm,acpi=off", "-accel", "tcg,thread=single", "-icount", "shift=0",
                "-cpu", "max,-smap", "-m", "128", "-nodefaults", "-no-reboot", "-display", "none", "-serial", "stdio", "-plugin", plugin("bare"),
                "-kernel", vmlinux, "-initrd", f"{OUT}/bench.cpio", "-append", "console=ttyS0 reboot=t panic=-1 quiet tsc=reliable"],
               stdin=subprocess.DEVNULL)
    return figures_of(text)


def kvm_modules():
    """The modules of the test host's kernel that KVM on AMD's processors needs, each behind what it depends on."""
    folder, found = run(["tests/host/mkhost.sh", "6.1"]).strip() + "/root/lib/modules", []

    def add(name):
        file = [os.path.join(at, f) for at, _, files in os.walk(folder) for f in files if f[:-3].replace("-", "_") == name and f.endswith(".ko")]
        if not file or file[0] in found:
            return
        for other in run(["modinfo", "-F", "depends", file[0]]).strip().split(","):
            if other:
                add(other.replace("-", "_"))
        found.append(file[0])
    add("kvm_amd")
    return found


def host_of(cpus):
    """Options for a test host that has as many CPUs as its guest, of the QEMU that several CPUs need."""
    return ["--smp", "2", "--qemu=-smp", f"--qemu={cpus}"]


def run_kvm(vmlinux, name="bench", cpus=1):
    """What the same kernel with OUT/NAME.cpio says under KVM on the SVM that QEMU emulates: a QEMU in the test host. What the world switch and the
    second page tables cost in time is no instruction: entering a guest counts as one."""
    modules = kvm_modules()
    firmware = ["/usr/share/qemu/qboot.rom", "/usr/share/seabios/bios-microvm.bin", "/usr/share/qemu/linuxboot_dma.bin", "/usr/share/qemu/pvh.bin"]
    files = [*modules, f"{vmlinux}:/vmlinux", f"{OUT}/{name}.cpio:/cpio", "/usr/bin/qemu-system-x86_64:/qemu", *(f"{f}:/fw/{os.path.basename(f)}" for f in firmware)]
    return run(["tests/host/run", "--icount", *(host_of(cpus) if cpus > 1 else ()), "--mem", "1024", "--pti", "off", "--timeout", "1800", "--boot", "600", "--silence", "1800",
                *(w for f in files for w in ("--file", f)), "--",
                "".join(f"insmod /{os.path.basename(m)} && " for m in modules) + "/qemu -L /fw -M microvm,acpi=off -accel kvm -cpu host -m 128 -nodefaults -no-reboot "
                f"-smp {cpus} -display none -serial stdio -kernel /vmlinux -initrd /cpio -append 'console=ttyS0 reboot=t panic=-1 quiet tsc=reliable' </dev/null"])


def keep(name, who, text):
    """What a machine has said, for who looks why a figure is missing."""
    with open(f"{OUT}/{name}-{who}.out", "w", encoding="utf-8") as f:
        f.write(text)
    return text


def run_pair(vmlinux, cpus, name, memory, seconds):
    """What a guest with so many CPUs, whose host has as many, and the same kernel bare say with OUT/NAME.cpio and so many MiB. Kept in OUT/NAME-WHO.out."""
    here = run(["tests/host/run", "--lguest", "/", "--linux", "--icount", *host_of(cpus), "--mem", str(2 * memory + 512),
                "--pti", "off", "--timeout", str(seconds), "--silence", str(seconds), "--file", f"{OUT}/{name}.cpio", "--",
                f"insmod /lg.ko; /lguest-run --cpus {cpus} --kernel /vmlinux --initrd /{name}.cpio --memory {memory} --cmdline quiet --log /log </dev/null"])
    there = run(["timeout", str(seconds), run(["tests/host/mkqemu.sh"]).strip(), "-M", "microvm,acpi=off", "-accel", "tcg", "-icount", "shift=0",
                 "-smp", str(cpus), "-cpu", "max,-smap", "-m", str(memory), "-nodefaults", "-no-reboot", "-display", "none", "-serial", "stdio",
                 "-kernel", vmlinux, "-initrd", f"{OUT}/{name}.cpio", "-append", "console=ttyS0 reboot=t panic=-1 quiet tsc=reliable no_timer_check"],
                stdin=subprocess.DEVNULL)
    return keep(name, "guest", here), keep(name, "bare", there)


def run_smp(vmlinux, cpus):
    """tests/linux/guest/bench-smp.c with so many CPUs: figures of a guest, of the same kernel bare, and of it under KVM, where the emulated SVM does it."""
    run(["guest/mkinitramfs.sh", "-o", f"{OUT}/smp.cpio", "-f", "build/release/linux-bench-smp:/bin/linux-bench-smp", "-c",
         'echo; /bin/linux-bench-smp | sed "s/^/bench: /"'])
    texts = [*run_pair(vmlinux, cpus, "smp", 128, 600)]
    if cpus <= KVM_CPUS:
        texts.append(keep("smp", "kvm", run_kvm(vmlinux, "smp", cpus)))
    return [figures_of(text) for text in texts]


def run_build(vmlinux, cpus):
    """tests/linux/guest/build.sh with so many CPUs, and how many files it compiles. Both machines must have made the same."""
    files = run(["tests/bench/compiler.sh"]).split()
    run(["guest/mkinitramfs.sh", "-o", f"{OUT}/build.cpio", *(w for f in files for w in ("-f", f)), "-f", "tests/linux/guest/build.sh:/build.sh",
         "-c", "echo; sh /build.sh"])
    texts = run_pair(vmlinux, cpus, "build", 512, 3000)
    sums = [lines_of(text, "sum: ") for text in texts]
    if len(sums[0]) != 1 or sums[0] != sums[1]:
        sys.exit(f"bench: guest and bare machine have not compiled the same: {sums}; see {OUT}/build-*.out")
    return [figures_of(text) for text in texts], sum(f.endswith(".c") for f in files)


def counts(name, names):
    """For each number, how often each function's instructions were executed."""
    found = collections.defaultdict(collections.Counter)
    with open(f"{OUT}/{name}.counts", encoding="ascii") as f:
        for line in f:
            number, address, n = line.split()
            found[int(number)][names(int(address, 16))] += int(n)
    return found


def table():
    vmlinux = prepare()
    guest, _, _ = run_guest(False)
    bare = {f.name: f for f in run_bare(vmlinux)}
    for f in guest:
        print(f"{f.name:18} bare {bare[f.name].ticks:8}  guest {f.ticks:8}  ratio {f.ticks / bare[f.name].ticks:.2f}")


def profile(wanted):
    vmlinux = prepare()
    figures, module, host = run_guest(True)
    run_bare(vmlinux)
    names = Names(run(["nm", vmlinux]).split("\n"), module, host)
    guest, bare = counts("guest", names), counts("bare", names)
    for f in figures:
        if f.name not in wanted:
            continue
        here, there = guest[f.number], bare[f.number]
        print(f"{f.name}: guest {sum(here.values()) // f.times}, bare {sum(there.values()) // f.times}")
        for name in sorted(set(here) | set(there), key=lambda n: there[n] - here[n]):
            if abs(here[name] - there[name]) >= SMALL * sum(there.values()):
                print(f"{(here[name] - there[name]) / f.times:10.0f} {here[name] / f.times:10.0f} {there[name] / f.times:10.0f}  {name}")


def profiles(symbols):
    vmlinux = prepare()
    figures, module, host = run_guest(symbols)
    return [f for f in figures if f.name not in NOISY], counts("guest", Names(run(["nm", vmlinux]).split("\n"), module, host))


def update():
    figures, found = profiles(True)
    with open(BUDGET, "w", encoding="ascii") as out:
        print("# What the figures of tests/linux/guest/bench.c cost in a guest, in instructions, and by function what is more than half of a per cent:",
              "# group budget of `make check` holds each to 3 % more. Written by tests/bench/guest.py update.", sep="\n", file=out)
        for f in figures:
            print(f.name, f.ticks, file=out)
            for name, n in found[f.number].most_common():
                if n >= SMALL * f.times * f.ticks:
                    print(f"\t{name} {n / f.times:.1f}", file=out)


def read_budget():
    rows, row = {}, None
    with open(BUDGET, encoding="ascii") as f:
        for line in f:
            if line.startswith("#"):
                continue
            name, n = line.split()
            if line.startswith("\t"):
                rows[row][1][name] = float(n)
            else:
                row = name
                rows[row] = (int(n), {})
    return rows


def grown(f, had, found):
    """What is more in a figure than the budget has, the largest first."""
    more = {name: n / f.times - had.get(name, 0) for name, n in found.items()}
    return [f"{name} {had.get(name, 0):.0f} -> {found[name] / f.times:.0f}" for name in sorted(more, key=lambda n: -more[n])[:4]
            if more[name] >= SMALL * f.ticks]


def budget():
    rows = read_budget()
    figures, found = profiles(False)
    if any(f.ticks > rows.get(f.name, (0, {}))[0] * MORE for f in figures):
        figures, found = profiles(True)     # again, for the names of the host kernel's functions: the counts are the same
    for f in figures:
        limit, had = rows.pop(f.name, (0, {}))
        good = f.ticks <= limit * MORE
        print(f"{'ok' if good else 'not ok'} budget: {f.name} takes no more than 3 % over {limit} instructions ({f.ticks})")
        if not good:
            print("# more: " + "; ".join(grown(f, had, found[f.number])))
    for name in rows:
        print(f"not ok budget: {name} was not measured")


if __name__ == "__main__":
    what, rest = sys.argv[1] if len(sys.argv) > 1 else "", sys.argv[2:]
    if what == "profile" and rest:
        profile(rest)
    elif what in ("table", "budget", "update") and not rest:
        {"table": table, "budget": budget, "update": update}[what]()
    else:
        sys.exit(__doc__)
