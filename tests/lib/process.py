# SPDX-License-Identifier: GPL-2.0
"""What tests in Python ask of processes that are not their children. It reads /proc and nothing else."""


def ended(pid):
    """Has it ended? One of whose end its parent has yet to hear has, too: an orphan's is the machine's first process, which may take seconds."""
    try:
        with open("/proc/%d/stat" % pid, encoding="ascii", errors="replace") as f:
            return f.read().rsplit(")", 1)[1].split()[0] in "ZX"
    except OSError:
        return True
