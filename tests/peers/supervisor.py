# SPDX-License-Identifier: GPL-2.0
"""Cases of the group hostile-peers about lguest-run itself (read by peers): what is said and where, restarts, orphans, inherited state, the
descriptors of every process. What they use is peers' own.
"""
import contextlib
import ctypes
import fcntl
import pty
import resource
import select
import socket
import termios

F_SETPIPE_SZ = 1031


def descriptors(pid):
    """{number: (what it is, access mode)} of a process."""
    found = {}
    for n in os.listdir("/proc/%d/fd" % pid):
        try:
            with open("/proc/%d/fdinfo/%s" % (pid, n)) as f:
                flags = int(re.search(r"flags:\s*(\d+)", f.read())[1], 8)
            found[int(n)] = (os.readlink("/proc/%d/fd/%s" % (pid, n)), "r w rw".split()[flags & 3], bool(flags & os.O_NONBLOCK))
        except FileNotFoundError:
            pass
    return found


def status(pid, name):
    with open("/proc/%d/status" % pid) as f:
        return re.search(r"^%s:\s*(.*)$" % name, f.read(), re.M)[1]


def started(g, pattern=r"\[guest\] alive", seconds=30):
    """Until @pattern is in the file that the guest's output goes to."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if os.path.exists(g.log) and re.search(pattern, logged(g).decode(errors="replace")):
            return g
        time.sleep(0.05)
    raise Failed("'%s' is not in the log" % pattern)


def logged(g):
    with open(g.log, "rb") as f:
        return f.read()


def with_log(*options, **more):
    g = guest(*options, "--log", "DISK.log", **more)
    g.log = g.disk + ".log"
    return g


# --- what is said ---

@case
def forged():
    """what a guest prints is a line of the guest's, whatever is in it: no control character comes through, no sentence of lguest-run's is forged"""
    g = guest(script="forge")
    line = g.wait("forged", 20).string
    require(re.match(r"^[0-9T:.Z-]+ guest: \\x1b\]0;title by guest\\x07", line), "it came out as %r" % line)
    g = guest(script="crash")
    line = g.wait("boom", 20).string
    require("\033" not in line and "\007" not in line, "the panic text came out as %r" % line)
    require(not g.said(r"^lguest-run: forged|Z lguest-run: forged"), "a panic's second line looks like lguest-run's")


@case
def flooded():
    """a guest that prints 100 MB fills the log with a few hundred KiB, and what was left out is counted"""
    g = started(with_log(script="flood lines=400000"), r"\[guest\] flood", 20)
    time.sleep(6)
    g.run.terminate()
    g.run.wait(10)
    size = len(logged(g))
    require(size < 600 << 10, "the log has %d bytes" % size)
    require(b"were left out" in logged(g) or b"bytes were lost here" in logged(g), "what was left out is not counted")


@case
def stuck():
    """a reader of stderr that stalls holds up neither the guest nor the recovery of a device"""
    r, w = os.pipe()
    fcntl.fcntl(w, F_SETPIPE_SZ, 65536)
    g = guest("--block", "DISK", "--" + BARE, output=w)
    os.set_blocking(r, False)
    seen = b""
    until = time.monotonic() + 30
    while b"alive" not in seen and time.monotonic() < until:
        select.select([r], [], [], 0.2)
        try:
            seen += os.read(r, 65536)
        except BlockingIOError:
            pass
    require(b"alive" in seen, "the guest does not come up: %r" % seen[-300:])
    full = os.open("/proc/self/fd/%d" % w, os.O_WRONLY | os.O_NONBLOCK)
    try:
        while True:
            os.write(full, b"z" * 512)
    except BlockingIOError:
        pass
    dead = g.role("block0")
    g.kill("block0")
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            if g.role("block0") != dead:
                break
        except Failed:
            pass
        time.sleep(0.05)
    time.sleep(2)
    for pid, _ in g.processes("core") + g.processes("block0"):
        for task in os.listdir("/proc/%d/task" % pid):
            with open("/proc/%d/task/%s/wchan" % (pid, task)) as f:
                where = f.read()
            require("pipe_write" not in where, "process %d of the guest waits in %s" % (pid, where))
    seen = b""
    until = time.monotonic() + 10
    while b"block0 is back" not in seen and time.monotonic() < until:
        select.select([r], [], [], 0.2)
        try:
            seen += os.read(r, 65536)
        except BlockingIOError:
            pass
    os.close(full)
    back = re.search(rb"block0 is back after (\d+) ms", seen)
    require(back and int(back[1]) < 1000 * SLACK, "recovery: %r" % seen[-300:])
    os.close(r)
    os.close(w)


@case
def shared_file():
    """standard error is a file that a shell writes, too: no line is written over another"""
    folder = tempfile.mkdtemp(prefix="peers-log-", dir=B)
    with open(folder + "/err", "w") as f:
        g = guest(script="crash", output=f, before=("sh", "-c", 'echo before >&2; "$@"; s=$?; echo after >&2; exit $s', "sh"))
        require(g.run.wait(20) == 110, "status %s" % g.run.returncode)
    with open(folder + "/err") as f:
        text = f.read()
    require(re.match(r"(?s)before\n.*the guest crashed: boom.*\nafter\n$", text), "it has %r" % text)
    shutil.rmtree(folder)


# --- who holds what ---

def listed(name, cache={}):
    """The descriptors that the manifest of a process has when it is sealed."""
    program = "lguest-" + name.rstrip("0123456789")
    if program not in cache:
        text = subprocess.run([os.path.join(B, program), "--print-policy"], capture_output=True, text=True, check=True).stdout
        cache[program] = set()
        for first, last in re.findall(r"^descriptor (?:both|sealed) +(\d+)\.\.(\d+) ", text, re.M):
            cache[program].update(range(int(first), int(last) + 1))
    return cache[program]


def check_process(g, pid, name, terminal):
    """A sealed process: no terminal, no log, nothing but what its manifest lists."""
    held = descriptors(pid)
    for n, (what, mode, nonblock) in held.items():
        where = "%s (process %d): descriptor %d is %s, %s" % (name, pid, n, what, mode)
        console = name == "console0" and n in (4, 5)    # what it is for
        require(console or not (terminal and what == terminal), where)
        require(what not in (g.log, g.log + " (deleted)"), where)
        if n == 2:
            require(what.startswith("pipe:") and mode == "w" and nonblock, where)
        # Its manifest's, or what its peer sent: windows, kicks and calls, a connection
        require(n in listed(name) or what.startswith(("/memfd:lguest-", "anon_inode:[eventfd]", "socket:")), where)
    require(status(pid, "Seccomp") == "2", "%s (process %d) has no filter" % (name, pid))
    return held


@case
def who_holds_what():
    """started at a terminal: no sealed process and no minder holds it or the log; each has a pipe for what it says, and that for writing alone"""
    m, s = pty.openpty()
    terminal = os.ttyname(s)
    g = with_log("--block", "DISK", "--" + BARE, console="stdio", popen=dict(stdin=s, stdout=s, stderr=s, start_new_session=True))
    started(g)
    seen = 0
    for name in ("core", "block0", BARE0, "console0"):
        for pid, parent in g.processes(name):
            if name == "console0" and descriptors(pid).get(0, [""])[0] == terminal:    # the keeper, which restores the terminal, and holds nothing else
                require(status(pid, "Seccomp") == "2" and sorted(descriptors(pid)) == [0, 8] and int(status(pid, "CapEff"), 16) == 0 and
                        int(status(pid, "Uid").split()[0]) >= 0x70000000, "the keeper: %s" % descriptors(pid))
                continue
            check_process(g, pid, name, terminal)
            seen += 1
    require(seen == 8, "%d processes were looked at, not a role and a minder each of 4" % seen)
    # What this looks for is found where it is: lguest-run itself holds it all
    for name in ("core", "block0", BARE0):
        try:
            check_process(g, lguest_run(g), name, terminal)
        except Failed:
            continue
        raise Failed("a terminal, a log and images are not missed in " + name)
    os.close(s)
    os.close(m)


# --- restarts and ends ---

@case
def exit137():
    """a role that ends itself with the status of a SIGKILL is not taken for a killed one: it is given up after five deaths, and SIGUSR1 takes that back"""
    g = guest("--block", "DISK", "--" + BARE, place_with=(stand_in(), "lguest-" + BARE))
    g.wait(r"\[guest\] alive", 60)
    began = time.monotonic()
    with open(os.path.join(g.work, "later"), "w") as f:
        f.write("exit")
    g.kill(BARE0)
    g.wait(BARE0 + r" died 5 times within 30 s: the guest goes on without it \(kill -USR1", 20)
    deaths = len(g.said(BARE0 + r" (ended|was killed)"))
    require(deaths <= 5, "%d deaths" % deaths)
    require(not g.said(BARE0 + r" was killed by signal 9.*", began + 1), "the status of a SIGKILL is believed")
    os.unlink(os.path.join(g.work, "later"))
    at = time.monotonic()
    g.run.send_signal(signal.SIGUSR1)
    g.wait(BARE0 + r" is tried again", 5, at)
    g.comes_back(BARE0, 10, at)
    g.lives()


def stand_in():
    """A program for the place of lguest-BARE: the real one, until the file "later" is beside it (hijacked.c)."""
    path = os.path.join(B, "tests/peers/hijacked")
    if not os.path.exists(path):
        raise Failed("no " + path)
    return path


@case
def lostloop():
    """a hijacked core that says again and again that a device is lost: pauses grow, it is given up, and nothing spins"""
    g = guest("--block", "DISK", "--" + BARE, script="lostloop")
    g.wait(r"block0 was killed by signal 9.*: starting it again in 800 ms", 30)
    time.sleep(8)
    n = len(g.said("block0 was killed"))
    require(n <= 9, "%d restarts" % n)


@case
def refuseloop():
    """a hijacked core that says again and again that a back end refused something: it is told once, and a killed role is still seen"""
    g = guest("--block", "DISK", "--" + BARE, script="refuseloop")
    g.wait("block0 refused what the guest's driver set up", 30)
    time.sleep(3)
    at = g.kill("block0")
    g.wait("block0 was killed by signal 9", 10, at)
    require(len(g.said("block0 refused")) == 1, "said %d times" % len(g.said("block0 refused")))


@case
def gift():
    """a hijacked core that gives lguest-run a connection whose close waits a minute: the guest is over, and lguest-run waits for nothing"""
    g = guest("--" + BARE, script="gives")
    g.wait(r"\[guest\] gives 1", 10)
    try:
        code = g.run.wait(10)
    except subprocess.TimeoutExpired:
        raise Failed("lguest-run waits for it") from None
    require(code == 115 and g.said("lguest-core sent a descriptor"), "status %d" % code)


@case
def orphans():
    """lguest-run killed by SIGKILL as root, a hostile back end keeping the core busy: no process of the guest outlives it"""
    g = guest("--block", "DISK", "--" + BARE, foreign="flood")
    g.wait(r"\[guest\] device 2", 60)
    time.sleep(1.5)
    ours = [pid for name in ("core", "block1", "block0", BARE0) for pid, _ in g.processes(name)]
    require(len(ours) >= 6, "only %d processes" % len(ours))
    os.kill(lguest_run(g), signal.SIGKILL)
    until = time.monotonic() + 2
    while time.monotonic() < until and not all(map(ended, ours)):
        time.sleep(0.05)
    left = [pid for pid in ours if not ended(pid)]
    for pid in left:
        with contextlib.suppress(ProcessLookupError):	# gone with one before it
            os.kill(pid, signal.SIGKILL)
    require(not left, "%d processes of the guest live on" % len(left))


PTRACE_SEIZE = 0x4206


def watched_end(**more):
    """A guest that was told to end, and its core, of whose death nobody hears before this process does."""
    g = guest("--block", "DISK", **more).up()
    core = g.role("core")
    require(ctypes.CDLL(None, use_errno=True).ptrace(PTRACE_SEIZE, core, None, None) == 0, "no ptrace: %s" % os.strerror(ctypes.get_errno()))
    at = time.monotonic()
    g.run.terminate()
    g.wait("was killed and is not gone yet", 30, at)
    require(g.run.poll() is None, "lguest-run did not wait")
    return g, core


@case
def lingers():
    """a core that is killed and not gone, as one that gives back very much memory: that is said once, and lguest-run waits until it is, and lives"""
    watchdog = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    watchdog.bind("")
    name = watchdog.getsockname().decode().replace("\0", "@")
    g, core = watched_end(popen={"env": dict(os.environ, NOTIFY_SOCKET=name, WATCHDOG_USEC="500000")})
    watchdog.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while watchdog.recv(256):
            pass
    watchdog.settimeout(10)
    require(b"WATCHDOG=1" in watchdog.recv(256), "the watchdog was not told meanwhile")
    os.waitpid(core, 0)
    require(g.run.wait(10) == 143, "status %s" % g.run.returncode)
    require(len(g.said("not gone")) == 1, "said %d times" % len(g.said("not gone")))


@case
def stays():
    """a core that is killed and never gone: lguest-run ends without it after a minute, and says so"""
    g, core = watched_end()
    try:
        code = g.run.wait(120)
    except subprocess.TimeoutExpired:
        raise Failed("lguest-run waits for ever") from None
    require(os.waitpid(core, os.WNOHANG)[0] == core, "the core was not killed")
    require(code == 143, "status %s" % code)
    g.wait("is still not gone: lguest-run ends without it", 10)


@case
def strangers_children():
    """started by exec of a shell that has children: lguest-run waits for no process that is not of its guest, nor speaks of it, and reaps what dies"""
    g = guest("--" + BARE, before=("sh", "-c", "sleep 300 & setsid sleep 301 & (sleep 302 & sleep 303) & exec \"$@\"", "sh")).up()
    children = {pid: parent for pid, parent in sleepers() if g.ours(pid)}
    require(len(children) == 4, "the shell's children are %r" % children)
    first = min(pid for pid, parent in children.items() if parent == g.run.pid)
    try:
        os.kill(first, signal.SIGKILL)
        os.kill(next(parent for parent in children.values() if parent != g.run.pid), signal.SIGKILL)	# what it leaves is adopted
        until = time.monotonic() + 10
        while os.path.exists("/proc/%d" % first) and time.monotonic() < until:
            time.sleep(0.05)
        require(not os.path.exists("/proc/%d" % first), "a stranger that died is not reaped")
        at = time.monotonic()
        g.run.terminate()
        try:
            code = g.run.wait(20)
        except subprocess.TimeoutExpired:
            raise Failed("lguest-run waits for them") from None
        require(code == 143 and time.monotonic() - at < 1 * SLACK, "status %s after %.1f s" % (code, time.monotonic() - at))
        require(not g.said("not gone"), "said: %r" % g.said("not gone"))
    finally:
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def sleepers():
    """[(pid, parent)] of sleep 300 to 303."""
    found = []
    for d in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            with open("/proc/%s/cmdline" % d, "rb") as f:
                words = f.read().split(b"\0")
            with open("/proc/%s/stat" % d) as f:
                parent = int(f.read().rsplit(")", 1)[1].split()[1])
            if words[0] == b"sleep" and words[1][:2] == b"30":
                found.append((int(d), parent))
    return found


def lguest_run(g):
    """unshare and sh have become it."""
    return g.run.pid


@case
def same_user():
    """started by an ordinary user: another process of that user can look into none of the guest's, nor take its descriptors"""
    g = guest("--" + BARE, before=("setpriv", "--reuid=1000", "--regid=1000", "--clear-groups")).up()
    look = """import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
bad = []
for pid in map(int, sys.argv[1:]):
    try:
        open("/proc/%d/mem" % pid, "rb").close()
        bad.append("mem of %d" % pid)
    except OSError:
        pass
    if libc.syscall(438, libc.syscall(434, pid, 0), 2, 0) >= 0:
        bad.append("descriptors of %d" % pid)
print(" ".join(bad))"""
    pids = [lguest_run(g)] + [pid for name in ("core", BARE0) for pid, _ in g.processes(name)]
    require(len(pids) == 5, "processes: %s" % pids)
    said = subprocess.run(["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", sys.executable, "-c", look] + [str(p) for p in pids],
                          capture_output=True, text=True)
    require(said.returncode == 0 and said.stdout == "\n", "open to its own user: %s%s" % (said.stdout, said.stderr))


@case
def own_users():
    """started by root: each process runs as a user that no other one has, and no other user may signal it"""
    g = guest("--block", "DISK", "--" + BARE).up()
    users = {}
    for name in ("core", "block0", BARE0):
        for pid, _ in g.processes(name):
            uid = int(status(pid, "Uid").split()[0])
            require(uid >= 0x70000000, "%s runs as %d" % (name, uid))
            users.setdefault(uid, set()).add(name)
    require(len(users) == 3, "users are shared: %s" % users)
    killer = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-c",
                             "import os, sys; os.kill(int(sys.argv[1]), 9)", str(g.role("core"))], capture_output=True, text=True)
    require("PermissionError" in killer.stderr, "a process of the overflow user may signal the core: %d %s" % (killer.returncode, killer.stderr))
    g.lives()


# --- what is inherited ---

@case
def sigchld_ignored():
    """started with SIGCHLD ignored: a death is told as it was, and the guest's end too"""
    ignore = "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"
    g = guest("--block", "DISK", before=(sys.executable, "-c", ignore)).up()
    at = g.kill("block0")
    g.wait(r"block0 was killed by signal 9 \(Killed\)", 5, at)
    g.comes_back("block0", 5, at)
    g = guest(script="crash", before=(sys.executable, "-c", ignore))
    require(g.run.wait(20) == 110, "status %s" % g.run.returncode)


@case
def closed_stderr():
    """started with descriptor 2 closed: the guest runs to its end"""
    g = guest("--block", "DISK", script="crash", before=("sh", "-c", 'exec "$@" 2>&-', "sh"))
    require(g.run.wait(20) == 110, "status %s" % g.run.returncode)


def says(text, want, *options, limits=None, before=(), kernel=None):
    """lguest-run ends with @want and one sentence."""
    g = guest(*options, before=before, popen=dict(preexec_fn=limits) if limits else None)
    try:
        got = g.run.wait(15)
    except subprocess.TimeoutExpired:
        raise Failed("%s: it hangs" % (options,))
    g.wait("end of output", 5)
    require(got == want and g.said(text), "%s: status %s, %s" % (options, got, [line for _, line in g.lines]))


@case
def background_job():
    """a background job of a terminal does not take it for its console"""
    m, s = pty.openpty()
    before = termios.tcgetattr(s)

    def own_terminal():
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    # What a shell does for "... &": a process group that is not the terminal's
    job = """import os, sys
pid = os.fork()
if not pid:
    os.setpgid(0, 0)
    os.execv(sys.argv[1], sys.argv[1:])
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))"""
    g = guest(console="stdio", before=(sys.executable, "-c", job),
              popen=dict(stdin=s, stdout=s, preexec_fn=own_terminal))
    g.wait(r"is a background job of the terminal", 15)
    require(g.run.wait(10) == 105, "status %s" % g.run.returncode)
    require(termios.tcgetattr(s) == before, "the terminal's settings are others")
    os.close(s)
    os.close(m)


@case
def limits():
    """low limits of descriptors and of file sizes: raised where they may be, else one sentence that names ulimit"""
    def cap(what, n):
        def before():
            resource.setrlimit(what, (n, n))
        return before

    def soft(what, n):
        def before():
            resource.setrlimit(what, (n, resource.getrlimit(what)[1]))
        return before
    user = ("setpriv", "--reuid=1000", "--regid=1000", "--clear-groups")
    says(r"too few open descriptors are allowed.*ulimit -n", 105, limits=cap(resource.RLIMIT_NOFILE, 128), before=user)
    says(r"ulimit -f", 105, limits=cap(resource.RLIMIT_FSIZE, 65536), before=user)
    g = guest("--" + BARE, popen=dict(preexec_fn=soft(resource.RLIMIT_NOFILE, 128))).up()
    g.end()
    g = guest("--" + BARE, popen=dict(preexec_fn=soft(resource.RLIMIT_FSIZE, 65536))).up()


@case
def fifos():
    """a FIFO as --log, --pidfile, --console or --config holds nothing up"""
    folder = tempfile.mkdtemp(prefix="peers-fifo-", dir=B)
    fifo = os.path.join(folder, "fifo")
    os.mkfifo(fifo)
    says(r"nobody reads", 101, "--log", fifo, "--check")
    says(r"the pidfile .* is not a file", 101, "--pidfile", fifo, "--check")
    says(r"the configuration .* is not a file", 101, "--config", fifo, "--check")
    g = guest("--check", console=fifo)
    require(g.run.wait(15) == 101, "--console: status %s" % g.run.returncode)
    shutil.rmtree(folder)


# --- back ends that are started by hand ---

def hello(path):
    """A front end that asks for features and hangs up. Returns the answer."""
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(10)
    s.connect(path)
    s.sendall(b"\x01\0\0\0\x01\0\0\0\0\0\0\0")
    answer = s.recv(100)
    s.close()
    return answer


@case
def back_end_sigchld():
    """a back end that listens, started with SIGCHLD ignored: 60 front ends, no descriptor is kept, and it is there for the next"""
    folder = tempfile.mkdtemp(prefix="peers-hand-", dir=B)
    path = folder + "/s"
    p = subprocess.Popen([os.path.join(B, "lguest-" + BARE), "--socket-path=" + path], stderr=subprocess.DEVNULL,
                         preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
    try:
        until = time.monotonic() + 10
        while not os.path.exists(path) and time.monotonic() < until:
            time.sleep(0.02)
        hello(path)
        time.sleep(0.5)
        before = len(os.listdir("/proc/%d/fd" % p.pid))
        for i in range(60):
            require(hello(path), "front end %d got no answer" % i)
        time.sleep(0.5)
        require(p.poll() is None, "it ended with %s" % p.returncode)
        now = len(os.listdir("/proc/%d/fd" % p.pid))
        require(now <= before, "%d descriptors, then %d" % (before, now))
    finally:
        p.kill()
        p.wait()
        shutil.rmtree(folder)


@case
def console_sigchld():
    """lguest-console on a terminal, started with SIGCHLD ignored: it ends with its front end, and the terminal is as it was"""
    m, s = pty.openpty()
    before = termios.tcgetattr(s)
    ours, theirs = socket.socketpair()

    def ignore():
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    p = subprocess.Popen([os.path.join(B, "lguest-console"), "--stdio", "--fd=%d" % theirs.fileno()], stdin=s, stdout=s,
                         stderr=subprocess.DEVNULL, pass_fds=[theirs.fileno()], preexec_fn=ignore)
    theirs.close()
    ours.settimeout(10)
    ours.sendall(b"\x01\0\0\0\x01\0\0\0\0\0\0\0")
    require(ours.recv(100), "no answer")
    require(termios.tcgetattr(s) != before, "the terminal is not raw")
    ours.close()
    try:
        p.wait(10)
    except subprocess.TimeoutExpired:
        for line in subprocess.run(["ps", "-o", "pid=", "--ppid", str(p.pid)], capture_output=True, text=True).stdout.split():
            os.kill(int(line), signal.SIGKILL)
        p.kill()
        raise Failed("the keeper does not end")
    require(termios.tcgetattr(s) == before, "the terminal's settings are others")
    os.close(s)
    os.close(m)


@case
def back_end_limits():
    """a back end under low limits of file size and descriptors: it works, or one sentence names ulimit; no signal kills it"""
    folder = tempfile.mkdtemp(prefix="peers-hand-", dir=B)
    image = folder + "/image"
    with open(image, "wb") as f:
        f.truncate(1 << 20)
    os.chown(folder, 1000, 1000)
    os.chown(image, 1000, 1000)

    def run(what, n):
        def cap():
            resource.setrlimit(what, (n, n))
        ours, theirs = socket.socketpair()
        p = subprocess.Popen(["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", os.path.join(B, "lguest-block"), "--blk-file=" + image,
                              "--fd=%d" % theirs.fileno()], stderr=subprocess.PIPE, pass_fds=[theirs.fileno()], preexec_fn=cap)
        theirs.close()
        ours.close()
        said = p.communicate(timeout=15)[1].decode()
        return p.returncode, said
    status_, said = run(resource.RLIMIT_FSIZE, 4096)
    require(status_ == 1 and "ulimit -f" in said, "file size: status %s, %r" % (status_, said))
    status_, said = run(resource.RLIMIT_NOFILE, 64)
    require(status_ == 1 and "ulimit -n" in said, "descriptors: status %s, %r" % (status_, said))
    shutil.rmtree(folder)


# --- the sandbox on request ---

def net_namespaces(pid, limit):
    """How many net namespaces may be made in the user namespace of that process, which is no other's."""
    subprocess.run(["nsenter", "--user", "--preserve-credentials", "-t", str(pid), "sh", "-c",
                    "echo %d >/proc/sys/user/max_net_namespaces" % limit], check=True)


IN_USER_NAMESPACE = ("unshare", "--user", "--map-root-user", "sh", "-c", 'echo $0 >/proc/sys/user/max_net_namespaces; exec "$@"')


@case
def required():
    """a host that allows no net namespace: said in one sentence; with --require=namespaces nothing is started, with none it runs"""
    says(r"would be without net namespace, and --require forbids that", 106, "--require=namespaces", before=IN_USER_NAMESPACE + ("0",))
    g = guest("--" + BARE, before=IN_USER_NAMESPACE + ("0",))
    g.wait(r"the sandbox is without net namespace, user other than root \(", 20)
    g.up()


@case
def same_layers():
    """what there was at the start is required at a restart: a role does not come back with less, and comes back when it may have it again"""
    g = guest("--block", "DISK", before=IN_USER_NAMESPACE + ("100",)).up()
    pid = lguest_run(g)
    net_namespaces(pid, 0)
    at = g.kill("block0")
    g.wait(r"it is required to have its net namespace", 10, at)
    g.lives()
    require(not g.said("block0 is back", at), "it is back with less")
    net_namespaces(pid, 100)
    g.comes_back("block0", 20, at)
