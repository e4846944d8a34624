# SPDX-License-Identifier: GPL-2.0
"""lguest-run: what --check must find, and say."""
import errno
import fcntl
import os
import resource
import socket
import stat
import struct
import subprocess
import time

import fe
from run import Loop, Skip, mount_tmpfs, real_root, sh


def begin(*args, env=None, console=("--console", "none"), check=("--check",), **kw):
    """lguest-run --check, with a plain file as its module's device. Without --check it gets as far as lguest-core, which finds no module there."""
    open("module", "wb").close()
    return subprocess.Popen([fe.program("lguest-run"), "--kernel", fe.program("probe"), "--cgroup", "none", *console, *check, *args],
                            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
                            env={**os.environ, "LD_PRELOAD": fe.program("field-errors.so"), "FIELD_MODULE": "module", **(env or {})}, **kw)


def ended(asked):
    """Return: (status, what it said)."""
    said = asked.communicate(timeout=20)[1].decode()
    # in a user namespace, a sentence of what the sandbox cannot have there
    return asked.returncode, "".join(line for line in said.splitlines(True) if "the sandbox is without" not in line)


def ask(*args, **kw):
    return ended(begin(*args, **kw))


def refuses(status, text, *args, **kw):
    got, said = ask(*args, **kw)
    assert got == status and text in said and said.count("\n") == 1, (got, said)


def accepts(*args, **kw):
    got, said = ask(*args, **kw)
    assert got == 0 and not said, (got, said)


def image(name="a.img", size=1 << 20):
    with open(name, "wb") as f:
        f.truncate(size)
    return name


def case_empty_loop_device():
    """--check: a loop device that is bound to nothing is no disk (A19)"""
    with Loop(image("held.img"), 0) as name:
        busy = name                                     # only to learn a number that is free once it is gone
    refuses(101, "is empty: bind it to something first", "--block", busy)


def case_long_command_line():
    """--check: a command line that is too long with what its devices need (A19)"""
    accepts("--cmdline", "x" * 1900, fe.BARE_OPTION)
    refuses(100, "2 devices need has up to", "--cmdline", "x" * 1960, fe.BARE_OPTION, fe.BARE_OPTION)


def case_locks_that_fail():
    """a lock that cannot be had is told from one that somebody has (B16)"""
    for code in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
        refuses(105, "cannot be locked: " + os.strerror(code), "--block", image(), env={"FIELD_FLOCK": str(int(code))})
    refuses(105, "is in use by another guest", "--block", image(), env={"FIELD_FLOCK": str(int(errno.EWOULDBLOCK))})


def case_exclusive_whatever_it_is():
    """an image is opened exclusively without being asked first what it is (24)"""
    accepts("--block", image(), env={"FIELD_OPENS": os.path.abspath("flags")})
    with open("flags", encoding="ascii") as f:
        assert f.read().split() == ["EXCL"]


def case_direct_image_of_an_odd_size():
    """--check: a direct image whose last sectors direct I/O cannot write (A4)"""
    mount_tmpfs("t", "size=8m")
    if "no direct I/O" in ask("--block", image("t/a.img") + ",direct")[1]:
        raise Skip("no direct I/O on tmpfs here")
    accepts("--block", "t/a.img,direct")
    refuses(101, "leave out 'direct', or make it longer (truncate -s %4096 IMAGE)", "--block", image("t/b.img", (1 << 20) + 512) + ",direct")
    accepts("--block", "ro:t/b.img,direct", "--block", image("b.img", (1 << 20) + 512))
    accepts("--block", "t/b.img,direct,sector=4096")	# its last sector is none of the guest's


NANOSLEEP, F_OFD_SETLK = 230, 37


def sleeping(asked):
    """Until it sleeps to look again later, or has ended."""
    until = time.monotonic() + 20
    while asked.poll() is None and time.monotonic() < until:
        with open("/proc/%d/syscall" % asked.pid, encoding="ascii") as f:
            if f.read().startswith("%d " % NANOSLEEP):
                return
        time.sleep(0.01)


def let_go(path, hold, *options, flags=os.O_RDWR):
    """lguest-run finds @path busy, which @hold has made so; then it is free."""
    fd = os.open(path, flags)
    hold(fd)
    asked = begin(*options)
    sleeping(asked)
    os.close(fd)
    got, said = ended(asked)
    assert got == 0 and not said, (got, said)


def case_just_let_go():
    """a tap, an image, and an image with the lock of a role's kind, which are let go when lguest-run has found them busy: it goes on (A6)"""
    sh("ip", "tuntap", "add", "t10", "mode", "tap", "user", str(os.getuid()))
    disk = os.path.abspath(image())
    let_go("/dev/net/tun", lambda fd: fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22x", b"t10", 0x5002)), "--net", "t10")
    let_go(disk, lambda fd: fcntl.flock(fd, fcntl.LOCK_EX), "--block", disk)
    let_go(disk, lambda fd: fcntl.fcntl(fd, F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0)), "--block", disk)


def case_block_device_just_let_go():
    """a block device that was exclusively somebody else's when lguest-run looked first (A6)"""
    with Loop(os.path.abspath("l.img"), 1 << 20) as name:
        let_go(name, lambda fd: None, "--block", name, flags=os.O_RDWR | os.O_EXCL)


def case_back_end_that_lets_nobody_in():
    """a back end of somebody else's whose queue of connections is full is waited for 3 s, with --check too"""
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as first:
        server.bind("s")
        server.listen(0)
        first.connect("s")
        got, said = ask("--vhost-user", "socket=s,type=block")
        assert got == 124 and "s took no connection for 3 s" in said and "answers" not in said, (got, said)
        server.accept()[0].close()
        accepts("--vhost-user", "socket=s,type=block")


def content(path):
    with open(path, encoding="ascii") as f:
        return f.read()


def write(path, text):
    with open(path, "w", encoding="ascii") as f:
        f.write(text)


RECORDED = fe.bare() + "0=%s"


def asks_to_make(folder=""):
    """Options for which lguest-run would make something in @folder."""
    return [("--log", folder + "log"), ("--pidfile", folder + "pid"), ("--control", folder + "c"), ("--record", RECORDED % (folder + "rec")),
            ("--console", folder + "con")]


def case_check_keeps_nothing():
    """--check leaves no file and no folder that a start would make, whatever it finds, and says what is wrong on stderr"""
    words = [w for pair in asks_to_make() for w in pair]
    accepts(fe.BARE_OPTION, *words, console=())
    assert os.listdir() == ["module"], os.listdir()
    refuses(101, "cannot open the initrd", fe.BARE_OPTION, "--initrd", "missing", *words, console=())
    assert os.listdir() == ["module"], os.listdir()
    mount_tmpfs("t", "ro")
    for folder, why in (("t/", "Read-only file system"), ("nowhere/", "No such file or directory")):
        for pair in asks_to_make(folder):
            refuses(101, why, fe.BARE_OPTION, *pair, console=() if pair[0] == "--console" else ("--console", "none"))
    os.symlink("nowhere/con", "link")
    for check in (("--check",), ()):
        refuses(101, "cannot open the console link", fe.BARE_OPTION, "--console", "link", console=(), check=check)
    os.mkdir("nowhere")
    accepts(fe.BARE_OPTION, "--console", "link", console=())
    assert not os.listdir("nowhere")


def case_pidfile_of_somebody_else():
    """a pidfile that holds something else than a number is refused, and --check does not touch one that does"""
    for text in ("my notes\n", "12\nmore\n", "12", "-1\n", "\n", "12345678901234567890\n"):
        write("notes", text)
        for check in (("--check",), ()):
            refuses(101, "the pidfile notes has something else in it than a process id", "--pidfile", "notes", check=check)
            assert content("notes") == text
    for text in ("", "1234\n"):
        write("pid", text)
        accepts("--pidfile", "pid")
        assert content("pid") == text
        got, said = ask("--pidfile", "pid", check=())
        assert got == 104 and not os.path.exists("pid"), (got, said, os.listdir())


def case_lock_of_somebody_else():
    """--control: a file called lock that lguest-run did not make is not removed, and refused when it has something in it"""
    os.mkdir("c", 0o700)
    write("c/lock", "data")
    refuses(101, "--control c: lock is there and is not lguest-run's", "--control", "c")
    assert content("c/lock") == "data"
    os.unlink("c/lock")
    os.mkfifo("c/lock")
    refuses(101, "--control c: lock is there and is not lguest-run's", "--control", "c")
    os.unlink("c/lock")
    write("c/lock", "")
    accepts("--control", "c")
    assert os.listdir("c") == ["lock"], os.listdir("c")
    with open("c/lock", "rb") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        refuses(101, "another lguest-run uses the folder", "--control", "c")


def case_socket_of_somebody_else():
    """--control: sockets called control and status on which somebody listens stay his; one that nobody has open is made anew"""
    os.mkdir("c", 0o700)
    for name, kind in (("control", socket.SOCK_STREAM), ("status", socket.SOCK_DGRAM)):
        with socket.socket(socket.AF_UNIX, kind) as server:
            server.bind("c/" + name)
            if kind == socket.SOCK_STREAM:
                server.listen(0)
            refuses(101, "--control c: %s is there and is no socket that a guest left" % name, "--control", "c")
            assert os.listdir("c") == [name], os.listdir("c")
        if real_root():
            os.chown("c/" + name, 1000, 1000)    # as an operator may have it
        accepts("--control", "c")
        assert not os.listdir("c"), os.listdir("c")


def case_recording_of_somebody_else():
    """--record: an empty recording that is there stays, whoever made it"""
    os.mkdir("rec", 0o700)
    write("rec/recording", "")
    for check in (("--check",), ()):
        refuses(101, "File exists", fe.BARE_OPTION, "--record", RECORDED % "rec", check=check)
        assert os.listdir("rec") == ["recording"]
    os.rename("rec/recording", "rec/mine")
    accepts(fe.BARE_OPTION, "--record", RECORDED % "rec")
    assert os.listdir("rec") == ["mine"]


def case_twice_in_one_guest():
    """an image or a tap that the same guest has already is called that, whatever its name is: nobody else is to be ended, and nothing waited for"""
    disk = image()
    os.link(disk, "b.img")
    os.symlink(disk, "c.img")
    for other in (disk, "b.img", "c.img", "ro:b.img"):
        refuses(100, "--block %s: this guest has it already, as block0: leave one of them out, or name another" % other.replace("ro:", ""),
                "--block", disk, "--block", other)
    refuses(100, "--block b.img: this guest has it already, as block1", "--block", image("d.img"), "--block", "ro:" + disk, "--block", "b.img")
    accepts("--block", "ro:" + disk, "--block", "ro:b.img")
    sh("ip", "tuntap", "add", "t11", "mode", "tap", "user", str(os.getuid()))
    sh("ip", "link", "property", "add", "dev", "t11", "altname", "other")
    refuses(100, "--net t11: this guest has it already, as net0", "--net", "t11", "--net", "t11")
    refuses(100, "--net other: this guest has it already, as net0", "--net", "t11", "--net", "other")


def case_block_device_twice_in_one_guest():
    """a block device by two names of it"""
    with Loop(os.path.abspath("l.img"), 1 << 20) as name:
        os.mknod("node", 0o600 | stat.S_IFBLK, os.stat(name).st_rdev)
        refuses(100, "--block node: this guest has it already, as block0", "--block", name, "--block", "node")
        accepts("--block", "ro:" + name, "--block", "ro:node")


def case_no_rings():
    """a host that has no io_uring for who the processes will be: refused before anything is started, for the devices that have no other way"""
    none = {"FIELD_RINGS": "1"}
    if os.geteuid():
        raise Skip("whoever is not root is asked himself")
    for check in (("--check",), ()):
        refuses(122, "io_uring is refused here (Operation not permitted), and console0 needs it: see", console=("--console", "/dev/null"), env=none,
                check=check)
        refuses(120, "and block0 needs it for bw=: see", "--block", image() + ",bw=1M", env=none, check=check)
        refuses(120, "and block1 needs it for iops=: see", "--block", "ro:" + image("b.img"), "--block", image() + ",iops=100", env=none, check=check)
        got, said = ask(fe.BARE_OPTION, env=none, check=check)
        assert got >= 120 and "and %s0 needs it: see" % fe.bare() in said, (got, said)
    accepts("--block", image(), env=none)
    accepts("--block", image() + ",bw=1M", fe.BARE_OPTION)


def case_rings_that_are_counted():
    """a host that counts rings as locked memory: asked within the limit that the processes will have, which is as high as it may be"""
    def limits(soft, hard):
        return {"env": {"FIELD_CHARGED": "1"}, "console": ("--console", "/dev/null"),
                "preexec_fn": lambda: (resource.setrlimit(resource.RLIMIT_MEMLOCK, (soft, hard)), drop(hard))}

    def drop(hard):
        if hard < 1 << 20 and not os.geteuid():
            os.setresuid(65534, 65534, 65534)           # root raises any limit
    accepts(**limits(16 << 10, 8 << 20))
    os.chmod(".", 0o755)
    open("module", "wb").close()
    os.chmod("module", 0o666)
    refuses(122, "io_uring is refused here (Cannot allocate memory), and console0 needs it: raise the limit of locked memory", **limits(16 << 10, 16 << 10))
