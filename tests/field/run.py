#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""run.py BINDIR [PATTERN]: the cases of this folder whose name has PATTERN in it, as TAP lines (README.md).

It may: make namespaces, mounts, taps and loop devices of its own, in a folder that it removes. It may not: touch a network, a mount or
a device that was there before; so nothing of the machine's is ever bound into that folder.
"""
import glob
import importlib
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../lib"))


class Skip(Exception):
    """A case that this machine cannot show."""


def sh(*command):
    r = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert not r.returncode, "%s: %s" % (" ".join(command), r.stdout.strip())
    return r.stdout.strip()


def eventually(*command, seconds=10):
    """Until it succeeds."""
    until = time.monotonic() + seconds
    while True:
        try:
            return sh(*command)
        except AssertionError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def real_root():
    """Root of the machine, not of a user namespace: only such may have loop devices."""
    with open("/proc/self/uid_map", encoding="ascii") as f:
        return os.geteuid() == 0 and f.read().split()[2] == "4294967295"


class Loop:
    """A loop device on a new file, removed when the block is left."""
    def __init__(self, path, size, block=512):
        if not real_root():
            raise Skip("loop devices need root")
        if not os.path.exists(path):
            with open(path, "wb") as f:
                f.truncate(size)
        self.name = sh("losetup", "-f", "--show", "-b", str(block), path)

    def __enter__(self):
        return self.name

    def __exit__(self, *why):
        sh("losetup", "-d", self.name)


def mount_tmpfs(path, options):
    os.makedirs(path, exist_ok=True)
    sh("mount", "-t", "tmpfs", "-o", options, "none", path)


def one(case, counts):
    name = (case.__doc__ or case.__name__).split("\n")[0]
    folder = tempfile.mkdtemp(prefix="case-")
    os.chdir(folder)
    try:
        case()
        print("ok", name)
    except Skip as e:
        print("ok %s # SKIP %s" % (name, e))
    except Exception:
        print("not ok", name)
        print("".join("# %s\n" % line for line in traceback.format_exc().splitlines()), end="")
        counts.append(name)
    os.chdir("/")
    sys.stdout.flush()


def leave_no_loop(work):
    """A case that was killed may have left a loop device on a file of ours."""
    r = subprocess.run(["losetup", "-l", "-n", "-O", "NAME,BACK-FILE"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    for line in r.stdout.splitlines():
        name, _, file = line.partition(" ")
        if file.strip().startswith(work + "/"):
            subprocess.call(["losetup", "-d", name])


def inside(work, bindir, pattern):
    import fe
    fe.bindir = bindir
    tempfile.tempdir = work
    failed = []
    sh("mount", "--make-rprivate", "/")
    sh("ip", "link", "set", "lo", "up")
    for path in sorted(glob.glob(os.path.join(HERE, "cases_*.py"))):
        module = importlib.import_module(os.path.basename(path)[:-3])
        for name, case in list(vars(module).items()):
            if name.startswith("case_") and pattern in name:
                one(case, failed)
    return 1 if failed else 0


def main():
    """The folder is made and removed out here, where nothing is mounted in it: its removal can reach no other file system."""
    if os.environ.get("LGUEST_FIELD"):
        sys.path.insert(0, HERE)
        sys.modules["run"] = sys.modules["__main__"]
        return inside(os.environ["LGUEST_FIELD"], sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "")
    work = tempfile.mkdtemp(prefix="lguest-field-", dir="/var/tmp")
    flags = ["-mn"] if os.geteuid() == 0 else ["-Urmn"]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    p = subprocess.Popen(["unshare", *flags, sys.executable, "-B", os.path.abspath(__file__), os.path.abspath(sys.argv[1]), *sys.argv[2:]],
                         env={**os.environ, "LGUEST_FIELD": work})
    try:
        return p.wait()
    finally:
        p.kill()
        p.wait()
        leave_no_loop(work)
        subprocess.call(["rm", "-rf", "--one-file-system", work])


if __name__ == "__main__":
    sys.exit(main())
