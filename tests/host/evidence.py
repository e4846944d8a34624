#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What is kept of a host that hangs, and what is read from it.

`run` calls this at a limit, before it ends the emulator. It asks QEMU's monitor for the CPUs' registers, three times, and the host
itself, where it still answers, for its tasks and for the module's statistics; all goes into one folder, with a report of one
sentence first. It recognises one hang by its signature: a CPU that QEMU lets execute a breakpoint which is no longer in memory.
It writes in that folder only, and every wait in it is bounded.
"""

import json
import os
import re
import shutil
import socket
import time

KEPT = 20                   # folders of evidence that stay in build/results
TEXT = range(0xffffffff80000000, 0xffffffffc0000000)    # where Linux has its text, and below its modules'
KERNEL_CS = 0x10
BREAKPOINT = 0xcc


class Monitor:
    """QEMU's monitor on a Unix socket, by QMP; the commands are the human monitor's."""

    def __init__(self, path, patience=5):
        self.stream = socket.socket(socket.AF_UNIX)
        self.stream.settimeout(patience)
        self.stream.connect(path)
        self.held = b""
        self.read()
        self.ask("qmp_capabilities")

    def read(self):
        while b"\n" not in self.held:
            data = self.stream.recv(65536)
            if not data:
                raise OSError("QEMU closed its monitor")
            self.held += data
        line, _, self.held = self.held.partition(b"\n")
        return json.loads(line)

    def ask(self, command, **arguments):
        self.stream.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        while True:
            said = self.read()
            if "error" in said:
                raise OSError(f"QEMU refused {command}: {said['error'].get('desc')}")
            if "return" in said:
                return said["return"]

    def human(self, line, cpu=None):
        more = {} if cpu is None else {"cpu-index": cpu}
        return self.ask("human-monitor-command", **{"command-line": line}, **more)

    def numbers(self, how, address, cpu):
        """Memory as the CPU's page tables have it now: a list of numbers, empty where nothing is mapped."""
        text = self.human(f"x /{how} {address:#x}", cpu)
        return [int(word, 16) for line in text.splitlines() for word in re.findall(r" 0x([0-9a-f]+)", line.partition(":")[2])]


class Cpu:
    """One CPU's registers, out of `info registers`."""

    def __init__(self, number, text):
        self.number, self.text = number, text
        self.rip, self.rsp = self.register("RIP"), self.register("RSP")
        flags = self.register("RFL")
        self.interrupts = bool(flags & 0x200)
        found = re.search(r"^IDT=\s*([0-9a-f]+)", text, re.M)
        self.idt = int(found.group(1), 16) if found else 0

    def register(self, name):
        found = re.search(rf"\b{name}=([0-9a-f]+)", self.text)
        return int(found.group(1), 16) if found else 0


def cpus(monitor):
    """All CPUs at one instant."""
    parts = re.split(r"^CPU#(\d+)\s*$", monitor.human("info registers -a"), flags=re.M)[1:]
    return [Cpu(int(number), text) for number, text in zip(parts[::2], parts[1::2])]


def breakpoint_entry(monitor, cpu):
    """The address of the handler of #BP in the CPU's own IDT."""
    gate = monitor.numbers("2gx", cpu.idt + 3 * 16, cpu.number)
    if len(gate) < 2:
        return None
    return (gate[0] & 0xffff) | (gate[0] >> 48) << 16 | (gate[1] & 0xffffffff) << 32


def stale_breakpoint(monitor, cpu):
    """(address, bytes there) when the CPU is entering #BP for an instruction that is no breakpoint in memory, else None."""
    entry = breakpoint_entry(monitor, cpu)
    if entry is None or not entry <= cpu.rip < entry + 64:
        return None
    stack = monitor.numbers("16gx", cpu.rsp, cpu.number)
    for word, following in zip(stack, stack[1:]):
        if word in TEXT and following & 0xffff == KERNEL_CS:
            code = monitor.numbers("8xb", word - 1, cpu.number)
            return (word - 1, bytes(code)) if code and code[0] != BREAKPOINT else None
    return None


def recognise(monitor, rounds=40, wanted=3):
    """The sentence for a hang that is known, or None. The CPUs are stopped at @rounds instants and looked at: one of them must
    enter #BP from the same place @wanted times, where memory has no breakpoint. Chance does that once at most."""
    seen = {}
    for _ in range(rounds):
        monitor.ask("stop")
        try:
            found = [(cpu, stale_breakpoint(monitor, cpu)) for cpu in cpus(monitor)]
        finally:
            monitor.ask("cont")
        for cpu, stale in found:
            if stale:
                key = cpu.number, stale[0]
                seen[key] = seen.get(key, 0) + 1
                if seen[key] >= wanted:
                    return (f"CPU {cpu.number} takes #BP again and again at {stale[0]:#x}, where memory has no int3 but {stale[1].hex(' ')}: "
                            "QEMU executes a stale translation of a static branch that another CPU patched; the fault is QEMU's")
        time.sleep(0.02)
    return None


class Symbols:
    """Names for addresses, where the host's folder has a System.map (the debug host)."""

    def __init__(self, host):
        self.table = []
        try:
            with open(os.path.join(host, "System.map")) as f:
                self.table = sorted((int(a, 16), n) for a, k, n in (line.split() for line in f) if k in "tTwW")
        except OSError:
            pass

    def name(self, address):
        low = [entry for entry in self.table if entry[0] <= address][-1:]
        return f"{low[0][1]}+{address - low[0][0]:#x}" if low and address in TEXT else ""


def where(cpu, symbols):
    name = symbols.name(cpu.rip)
    return f"CPU {cpu.number} at {cpu.rip:#x}{' ' + name if name else ''}, interrupts {'on' if cpu.interrupts else 'off'}"


def registers(monitor, out, symbols):
    """Three looks at all CPUs, a second apart; what a CPU has at RIP and on its stack goes with it. Returns the last look."""
    last = []
    for look in range(3):
        if look:
            time.sleep(1)
        monitor.ask("stop")
        try:
            last = cpus(monitor)
            print(f"==== look {look + 1} of 3", file=out)
            for cpu in last:
                print(f"---- {where(cpu, symbols)}\n{cpu.text.strip()}", file=out)
                print("code:", monitor.human(f"x /16xb {cpu.rip:#x}", cpu.number).replace("\r", ""), sep="\n", file=out)
                print("stack:", monitor.human(f"x /24gx {cpu.rsp:#x}", cpu.number).replace("\r", ""), sep="\n", file=out)
        finally:
            monitor.ask("cont")
    for extra in ("info lapic", "info jit"):
        print(f"==== {extra}\n{monitor.human(extra)}", file=out)
    return last


class Host:
    """The hung host as far as it answers: sysrq by a break on its console, and the listener that `run` started in it."""

    def __init__(self, monitor, keyboard, pump):
        self.monitor, self.keyboard, self.pump = monitor, keyboard, pump

    def listen(self, first, quiet, most):
        """Console text: waits @first seconds for it to begin, until it pauses for @quiet, @most in all."""
        text, began, last = b"", time.monotonic(), None
        while time.monotonic() - began < most:
            data = self.pump(0.2)
            now = time.monotonic()
            if data:
                text, last = text + data, now
            elif now - (last or began) > (quiet if last else first):
                break
        return text

    def sysrq(self, key):
        self.monitor.ask("chardev-send-break", id="console")
        os.write(self.keyboard, key)
        return self.listen(4, 1.5, 12)

    def command(self, line):
        os.write(self.keyboard, line + b"\n")
        return self.listen(3, 1.5, 8)


STATISTICS = b'for f in /sys/kernel/debug/lguest/*/stats; do echo "$f"; cat "$f"; done; cat /sys/module/lg/refcnt'


def ask_host(host, out):
    """sysrq w, l and t, and the module's statistics, until something is not answered. Returns what was."""
    answered = []
    for what, ask in (("sysrq w", lambda: host.sysrq(b"w")), ("sysrq l", lambda: host.sysrq(b"l")), ("sysrq t", lambda: host.sysrq(b"t")),
                      ("statistics", lambda: host.command(STATISTICS))):
        text = ask()
        out.write(f"==== {what}\n".encode() + (text or b"(no answer)\n"))
        if not text:
            break
        answered.append(what)
    return answered


def threads(pid):
    """What QEMU's own threads do: for the day its monitor does not answer."""
    lines = []
    for task in sorted(os.listdir(f"/proc/{pid}/task")):
        try:
            with open(f"/proc/{pid}/task/{task}/comm") as c, open(f"/proc/{pid}/task/{task}/stat") as s:
                fields = s.read().rpartition(")")[2].split()
                lines.append(f"{task} {c.read().strip()}: state {fields[0]}, CPU ticks {fields[11]}+{fields[12]}")
        except OSError:
            pass
    return "\n".join(lines) + "\n"


def make_folder(results):
    """A new folder for this hang; the oldest of too many go."""
    os.makedirs(results, exist_ok=True)
    old = sorted(d for d in os.listdir(results) if d.startswith("hang-"))
    for name in old[:-KEPT]:
        shutil.rmtree(os.path.join(results, name), ignore_errors=True)
    group = os.environ.get("LGUEST_GROUP")      # set by suite, which repeats the sentence
    path = os.path.join(results, time.strftime(f"hang-%Y%m%d-%H%M%S-{os.getpid()}") + (f"-{group}" if group else ""))
    os.makedirs(path)
    return path


def gather(results, why, known, monitor, host, symbols, pid, copies):
    """Keeps all there is. @monitor and @host are None for an emulator that has none; @copies are files to keep, with their names.
    Returns the sentence that says where."""
    folder = make_folder(results)
    places, answered, trouble = "", [], ""
    try:
        if monitor:
            with open(f"{folder}/registers", "w") as out:
                looked = registers(monitor, out, symbols)
            places = "; ".join(where(cpu, symbols) for cpu in looked)
            known = known or recognise(monitor)
        if host:
            with open(f"{folder}/answers", "wb") as out:
                answered = ask_host(host, out)
    except (OSError, ValueError) as error:
        trouble = f"QEMU's monitor did not answer ({error})"
    with open(f"{folder}/threads", "w") as out:
        out.write(threads(pid))
    for source, name in copies:
        shutil.copyfile(source, f"{folder}/{name}")
    says = f"the host answered {', '.join(answered)}" if answered else "the host answered nothing" if host else ""
    sentence = "; ".join(part for part in (why, known, places, says, trouble) if part) + f"; evidence: {os.path.relpath(folder)}"
    with open(f"{folder}/report", "w") as out:
        out.write(sentence + "\n")
    return sentence
