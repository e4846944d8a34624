# SPDX-License-Identifier: GPL-2.0
"""A case of the group hostile-peers (read by peers): memory of all processes of a guest, by what they map."""


# docs/performance.md promises it for the mission's line, which tests/launch/host/mission.sh measures with the module and Debian.
PSS_MAX = 3072


def own_libraries(folder):
    """Words before a program's name that give it copies of its libraries: what it shares with strangers would not be counted."""
    found = subprocess.run(["ldd"] + [os.path.join(B, "lguest-" + name) for name in ("run", "core", *DEVICES)], capture_output=True, text=True, check=True)
    paths = sorted({os.path.realpath(p) for p in re.findall(r"(/\S+) \(", found.stdout)})
    return ("sh", "-c", 'for f in %s; do cp $f $0/ && mount --bind $0/${f##*/} $f || exit; done; exec "$@"' % " ".join(paths), folder)


def mappings(pid):
    """[(name, {what: KiB})] of a process, without the guest's own memory."""
    found = []
    with open("/proc/%d/smaps" % pid) as f:
        for line in f:
            words = line.split()
            if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
                found.append((words[1] + " " + (words[5] if len(words) > 5 else "anonymous"), {}))
            elif words[1:] and words[-1] == "kB":
                found[-1][1][words[0].rstrip(":")] = int(words[1])
    return [m for m in found if not re.search(r"memfd:lguest-(ram|window)", m[0])]


def everybody(g):
    """Process numbers of lguest-run and all below it."""
    return [int(d) for d in os.listdir("/proc") if d.isdigit() and g.ours(int(d))]


class Idle:
    """A guest with console, net and disk, libraries of its own, and nothing to do."""

    def __init__(self, number):
        self.tap = "lgpss%d_%d" % (os.getpid() % 100000, number)
        self.libraries = tempfile.mkdtemp(prefix="peers-lib-", dir=B)
        self.terminal = pty.openpty()

    def start(self):
        require(not subprocess.run("ip tuntap add %s mode tap user 0 && ip link set %s up" % (self.tap, self.tap), shell=True).returncode, "no tap")
        end = self.terminal[1]
        self.guest = guest("--net", self.tap, "--block", "ro:DISK", script="idle", console="stdio", before=own_libraries(self.libraries),
                           popen=dict(stdin=end, stdout=end, start_new_session=True))

    def given_back(self):
        """Until lguest-run has dropped the pages of its start, which it does after 2 s without events: the dynamic linker's code is in memory no more."""
        self.guest.wait(r"\[guest\] idle", 60)
        until = time.monotonic() + 30
        while True:
            linker = [sizes["Rss"] for what, sizes in mappings(self.guest.run.pid) if re.match("r-xp .*/ld-", what)]
            require(linker, "lguest-run has no dynamic linker to look at")
            if not any(linker):
                return
            require(time.monotonic() < until, "lguest-run gave nothing back in 30 s: its dynamic linker has %d KiB" % sum(linker))
            time.sleep(0.1)

    def size(self):
        """KiB of all processes, and a line for each."""
        lines, total = [], 0
        for pid in everybody(self.guest):
            with open("/proc/%d/cmdline" % pid, "rb") as f:
                name = os.path.basename(f.read().split(b"\0")[0].decode())
            maps = mappings(pid)
            size = sum(sizes["Pss"] for _, sizes in maps)
            total += size
            largest = sorted(((sizes["Pss"], os.path.basename(what)) for what, sizes in maps), reverse=True)[:6]
            lines.append("# PSS %d KiB: %s: %s" % (size, name, ", ".join("%d %s" % m for m in largest)))
        require(len(lines) == 10, "%d processes, not 10" % len(lines))
        return total, lines

    def end(self):
        for fd in self.terminal:
            os.close(fd)
        subprocess.run("ip link del " + self.tap, shell=True)
        shutil.rmtree(self.libraries)


# The kernel maps a file in steps of 64 KiB, and ASLR puts its steps elsewhere in each process: one guest has 2,770 to 3,040 KiB by chance alone.
GUESTS = 9


@case
def memory():
    """memory of all processes of an idle guest with console, net and disk, its own RAM and windows left out, the median of nine, is within what docs/performance.md promises"""
    idle = []

    def start(number):
        i = Idle(number)
        idle.append(i)
        i.start()
        i.given_back()

    try:
        with concurrent.futures.ThreadPoolExecutor(GUESTS) as pool:
            list(pool.map(start, range(GUESTS)))
        sizes = sorted(i.size() for i in idle)
        total, lines = sizes[GUESTS // 2]
        print("# all: %s KiB; that in the middle:" % ", ".join(str(size) for size, _ in sizes))
        print("\n".join(lines))
        require(1000 < total <= PSS_MAX, "%d KiB" % total)
    finally:
        for i in idle:
            i.end()
