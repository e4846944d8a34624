# SPDX-License-Identifier: GPL-2.0
"""A case of the group hostile-peers (read by peers): memory of all processes of a guest, by what they map."""


# docs/performance.md promises it for the mission's line, which tests/launch/mission.sh measures with the module and Debian.
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


@case
def memory():
    """memory of all processes of an idle guest with console, net and disk, its own RAM and windows left out, is within what docs/performance.md promises"""
    tap = "lgpss%d" % (os.getpid() % 100000)
    require(not subprocess.run("ip tuntap add %s mode tap user 0 && ip link set %s up" % (tap, tap), shell=True).returncode, "no tap")
    libraries = tempfile.mkdtemp(prefix="peers-lib-", dir=B)
    m, s = pty.openpty()
    try:
        g = guest("--net", tap, "--block", "ro:DISK", script="idle", console="stdio", before=own_libraries(libraries),
                  popen=dict(stdin=s, stdout=s, start_new_session=True))
        g.wait(r"\[guest\] idle", 60)
        time.sleep(5)    # lguest-run gives back what the start has needed after 2 s without events
        found = {}
        for pid in everybody(g):
            with open("/proc/%d/cmdline" % pid, "rb") as f:
                found[pid] = (f.read().split(b"\0")[0].decode(), mappings(pid))
        total = 0
        for name, maps in found.values():
            size = sum(sizes["Pss"] for _, sizes in maps)
            total += size
            largest = sorted(((sizes["Pss"], os.path.basename(what)) for what, sizes in maps), reverse=True)[:6]
            print("# PSS %d KiB: %s: %s" % (size, os.path.basename(name), ", ".join("%d %s" % m for m in largest)))
        require(len(found) == 10, "%d processes, not 10" % len(found))
        require(1000 < total <= PSS_MAX, "%d KiB" % total)
    finally:
        os.close(s)
        os.close(m)
        subprocess.run("ip link del " + tap, shell=True)
        shutil.rmtree(libraries)
