# SPDX-License-Identifier: GPL-2.0
# backends.py: what a hostile or broken back end may cost the guest and the other devices; read by tests/peers/peers.

def others_live(g, disk="block0", since=None):
    """Another device's recovery takes its usual time, and the vCPU waits for nobody longer than 1 s."""
    since = since or time.monotonic()
    at = g.kill(disk)
    g.comes_back(disk, 2 * SLACK, at)
    time.sleep(1.5)
    g.lives()
    waited = g.longest_wait(since)
    require(waited < 1000 * SLACK, "the vCPU waited %d ms" % waited)


@case
def rebind():
    """a driver is rebound, then its role killed 3 times: no read is lost"""
    g = guest("--block", "DISK", script="rebind")
    g.wait(r"\[guest\] rebound: good", 30)
    for _ in range(3):
        at = g.kill("block0")
        g.comes_back("block0", 2 * SLACK, at)
        g.wait(r"\[guest\] read \d", 10, time.monotonic())
        time.sleep(0.5)
    require(not g.said("LOST"), "a read was lost")


@case
def flood():
    """a role that says without end that its configuration changed: guest and recovery go on, and it is ended"""
    g = guest("--block", "DISK", peer="flood", place="lguest-console").up()
    time.sleep(2)
    others_live(g)
    g.wait("console0 (does not answer|ended|was killed)", 30)
    g.lives()


@case
def flood_foreign():
    """the same from a foreign back end"""
    g = guest("--block", "DISK", foreign="flood").up()
    time.sleep(2)
    others_live(g, "block1")
    g.wait("block0 is gone", 30)
    g.lives()


@case
def slow():
    """a role that takes 0.9 s for each message: the driver's start costs the vCPU one deadline"""
    g = guest("--block", "DISK", peer="slow 900", place="lguest-console").up()
    up = max(int(t) for t in re.findall(r"driver up in (\d+) ms", "\n".join(g.said("driver up"))))
    require(up < 3000 * SLACK, "a driver took %d ms" % up)
    others_live(g)


@case
def slow_foreign():
    """a foreign back end that takes 0.9 s for each message of 16 queues: the same"""
    g = guest("--block", "DISK", foreign="slow 900").up()
    up = max(int(t) for t in re.findall(r"driver up in (\d+) ms", "\n".join(g.said("driver up"))))
    require(up < 3000 * SLACK, "a driver took %d ms" % up)
    others_live(g, "block1")


@case
def slowbeat():
    """a role that takes 2.9 s for each sign of life: nobody waits for it"""
    g = guest("--block", "DISK", peer="slowbeat 2900", place="lguest-console").up()
    time.sleep(4)
    since = time.monotonic()
    others_live(g)
    require(g.longest_wait(since) < 300 * SLACK, "the vCPU waited %d ms" % g.longest_wait(since))


@case
def hung():
    """a role that gives no sign of life is replaced"""
    g = guest("--block", "DISK", peer="slowbeat 60000", place="lguest-console").up()
    g.wait("console0 does not answer any more", 5 * SLACK)
    others_live(g)


@case
def silent():
    """a new process that says nothing: other roles come back meanwhile, and it is replaced"""
    g = guest("--block", "DISK", peer="then-silent", place="lguest-console").up()
    at = g.kill("console0")
    g.wait("console0 was killed by signal 9", 5, at)
    time.sleep(1)
    others_live(g)
    g.wait("console0 (does not answer|ended)", 12 * SLACK, at)


@case
def errfd():
    """a foreign back end that makes the error eventfd blocking and takes back what it wrote: the core never waits there"""
    g = guest("--block", "DISK", foreign="errfd").up()
    time.sleep(6)
    others_live(g, "block1")


@case
def fullkick():
    """a foreign back end whose kick eventfd blocks, and a driver that kicks by a store"""
    g = guest("--block", "DISK", script="live kicks=1", foreign="fullkick").up()
    time.sleep(2)
    others_live(g, "block1")


@case
def linger():
    """a foreign back end that sends connections whose close waits a minute: the core closes none"""
    g = guest("--block", "DISK", foreign="linger").up()
    time.sleep(3)
    others_live(g, "block1")


@case
def urgent():
    """the same with urgent bytes, which a look at a socket may pass over"""
    g = guest("--block", "DISK", foreign="urgent").up()
    time.sleep(3)
    others_live(g, "block1")


@case
def drainleak():
    """a role that gives its drain pipe away is back all the same"""
    g = guest("--block", "DISK", peer="drainleak", place="lguest-console").up()
    for _ in range(2):
        at = g.kill("console0")
        g.comes_back("console0", 5 * SLACK, at)
        time.sleep(1)


@case
def fdleak():
    """a role that leaves half a message with 8 descriptors in each of its lives: the core keeps none"""
    g = guest("--block", "DISK", peer="fdleak", place="lguest-console").up()
    core = g.role("core")
    before = len(os.listdir("/proc/%d/fd" % core))
    for _ in range(4):
        at = g.kill("console0")
        g.comes_back("console0", 5 * SLACK, at)
        time.sleep(1)
    after = len(os.listdir("/proc/%d/fd" % core))
    require(after <= before, "the core had %d descriptors and has %d" % (before, after))


@case
def hung_core():
    """a core whose main thread hangs is ended after 20 s, with status 115; one that is stopped is not"""
    stopped, hung = [guest("--block", "DISK", script="live hang=1") for _ in range(2)]
    core = stopped.up().role("core")
    os.kill(core, signal.SIGSTOP)
    until = time.monotonic() + 24
    at = hung.up().kill("block0")
    hung.wait("lguest-core does not answer any more", 24 * SLACK, at)
    require(hung.run.wait(10) == 115, "status %s" % hung.run.returncode)
    time.sleep(max(0, until - time.monotonic()))
    require(stopped.run.poll() is None, "a stopped guest was ended")
    os.kill(core, signal.SIGCONT)
    stopped.lives()


@case
def bad_memory():
    """a core that the host cannot give a page of memory (SIGBUS): status 117, and a sentence that says where to look"""
    g = guest("--block", "DISK", script="badmem")
    g.wait(r"lguest-core was killed by signal 7 \(the host lost a page of memory, which its kernel log names, or vm.overcommit_memory=2", 30)
    require(g.run.wait(10) == 117, "status %s" % g.run.returncode)


class StorageDaemon(Guest):
    """A guest whose device 0 is qemu-storage-daemon's export."""

    def start_foreign(self, mode):
        disk, socket = self.work + "/foreign", self.work + "/socket"
        with open(disk, "wb") as f:
            f.truncate(1 << 20)
        subprocess.run([os.path.join(ROOT, "scripts/deps.sh"), "bench"], check=True, stdout=subprocess.DEVNULL)
        self.foreign = subprocess.Popen(["qemu-storage-daemon", "--blockdev", "driver=file,node-name=f,filename=" + disk, "--export",
                                         "type=vhost-user-blk,id=e,addr.type=unix,addr.path=%s,node-name=f,writable=on" % socket])
        listening(socket, self.foreign)


@case
def storage_daemon():
    """a good foreign back end, which has no in-flight record of ours: its driver is rebound, and reads on"""
    g = StorageDaemon("--block", "DISK", foreign="qsd", script="rebind")
    guests.append(g)
    g.wait(r"\[guest\] rebound: good", 30)
    g.wait(r"\[guest\] read 10", 15)


def refusal(request, status, **place):
    """A driver is started 51 times, and each time its back end refuses one request: who runs the guest hears of it, and not 51 times."""
    told = "%s refused what the guest's driver set up: the device waits" % ("block0" if "foreign" in place else "console0")
    g = guest("--block", "DISK", script="again", **{key: value.replace("N", request) for key, value in place.items()})
    g.wait(told, 30)
    found = g.wait(r"\[guest\] started again: status (0x[0-9a-f]+)", 60)
    require(found.group(1) == status, "the driver saw status %s, not %s" % (found.group(1), status))
    others_live(g, "block1" if "foreign" in place else "block0")
    require(len(g.said(told)) == 1, "said %d times" % len(g.said(told)))


@case
def refuses_ring():
    """a foreign back end that refuses a ring's addresses: NEEDS_RESET for the driver, one sentence for who runs the guest"""
    refusal("9", "0x4f", foreign="refuse N")


@case
def refuses_features():
    """a role that refuses features: FEATURES_OK stays clear, one sentence for who runs the guest"""
    refusal("2", "0x3", peer="refuse N", place="lguest-console")
