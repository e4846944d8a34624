# SPDX-License-Identifier: GPL-2.0
"""A host that has no more processes, or no numbers for descriptors, and a user who leaves early: what lguest-run says then, and what it leaves."""


class Scarce:
    """What the host has not, for the lguest-run of a guest that is started with @before."""

    def __init__(self, word=None):
        self.file = os.path.join(B, "scarce-%d" % os.getpid())
        self.before = ("env", "LD_PRELOAD=" + os.path.abspath(os.path.join(B, "tests/peers/scarce.so")), "SCARCE=" + os.path.abspath(self.file))
        if word:
            self.lacks(word)

    def lacks(self, word):
        with open(self.file + ".new", "w", encoding="ascii") as f:
            f.write(word + "\n")
        os.rename(self.file + ".new", self.file)

    def has(self):
        os.unlink(self.file)


class Recorded(Guest):
    """Its disk is recorded."""

    def place(self, peer, place):
        self.take(os.path.join(B, "lguest-record"), "lguest-record")
        super().place(peer, place)

    def ended_within(self, seconds):
        try:
            self.run.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failed("it has not ended after %d s" % seconds) from None


def fails(word, status, said):
    """A start in a host that lacks @word ends with @status and says @said; it leaves no recording, and says of nothing that it is still in use."""
    scarce = Scarce(word)
    g = Recorded("--block", "DISK", "--record", "block0=DISK.recorded", before=scarce.before)
    guests.append(g)
    try:
        g.ended_within(20)
        require(g.run.returncode == status, "it ended with %s, not %d" % (g.run.returncode, status))
        g.wait("end of output", 5)
    finally:
        scarce.has()
    require(not said or g.said(said), "it did not say '%s'" % said)
    require(not g.said("is in use until"), "something is said to be in use")
    require(os.path.isdir(g.disk + ".recorded"), "it did not come so far as to make a recording")
    require(not os.path.exists(g.disk + ".recorded/recording"), "a recording is left, and the next start is refused")


@case
def first_fork():
    """no process for the recorder: a sentence, and nothing is said to be in use or left"""
    fails("fork 1", 105, "cannot start lguest-record: Resource temporarily unavailable")


@case
def last_fork():
    """no process for the core: what its devices' recorders have written goes, so that the next start can record"""
    fails("fork 3", 105, "cannot start lguest-core: Resource temporarily unavailable")


@case
def unwatched():
    """a process for whose descriptor there is no number was not started"""
    fails("watch 2", 105, "cannot watch lguest-record: Too many open files")


@case
def unlifted():
    """no number for one of a recording's descriptors: a sentence, and the recording that was just made goes"""
    for n in 1, 2:
        fails("lift %d" % n, 101, "recording for block0: Too many open files")


@case
def left_early():
    """SIGTERM while things are being opened: the recording that was just made goes"""
    fails("leave", 143, None)


@case
def one_of_two():
    """of two recorded disks one cannot be started: the other's recording, which says nothing of that, goes"""
    g = Recorded("--block", "DISK", "--block", "ro:" + os.path.join(B, "probe"), "--record", "block0=DISK.0", "--record", "block1=DISK.1",
                 peer="then-refuse 3", place="lguest-block")
    guests.append(g)
    g.ended_within(20)
    require(g.run.returncode == 120, "it ended with %s" % g.run.returncode)
    failed = int(g.wait(r"block([01]): the back end refused a message", 5).group(1))    # whichever is the second to look
    require(os.path.isdir(g.disk + ".0"), "it did not come so far as to make a recording")
    require(not os.path.exists("%s.%d/recording" % (g.disk, 1 - failed)), "the recording of the disk that could be started is left")
    require(os.path.exists("%s.%d/recording" % (g.disk, failed)), "what the disk received that could not be started is gone")
