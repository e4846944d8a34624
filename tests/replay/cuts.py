# SPDX-License-Identifier: GPL-2.0
"""cuts.py BIN DIR back|front memory|record: one end of lguest-record cuts the file of its memory, or of its in-flight record, to nothing: the recorder says
so, the recording in DIR ends with who it was, status 3. cuts.py --fd=N: a back end that cuts its memory, for lguest-replay.
"""
import array
import os
import socket
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../field"))
import fe

SET_INFLIGHT_FD, RECORD = 32, 1 << 16


def receive(sock):
    """A message: (request, descriptors), or None when the other end is gone."""
    try:
        head, anc, _, _ = sock.recvmsg(12, socket.CMSG_SPACE(8 * 4))
    except ConnectionResetError:
        head = b""
    if len(head) < 12:
        return None
    fds = array.array("i")
    for _, _, data in anc:
        fds.frombytes(data)
    request, _, size = struct.unpack("<III", head)
    if size:
        sock.recv(size, socket.MSG_WAITALL)
    return request, list(fds)


def serve(sock, cut):
    """A back end that answers what it is asked; what comes with the message @cut it cuts when its first queue begins."""
    files, begun = [], False
    while True:
        message = receive(sock)
        if not message:
            return
        request, fds = message
        if request in (fe.GET_FEATURES, fe.GET_PROTOCOL):
            sock.sendall(struct.pack("<IIIQ", request, 5, 8, 1 << 32 if request == fe.GET_FEATURES else 0))
        if request == fe.GET_VRING_BASE:
            sock.sendall(struct.pack("<IIIII", request, 5, 8, 0, 0))
        if request == cut:
            files += fds
        begun |= request == fe.SET_VRING_KICK
        for fd in files if begun else ():
            os.ftruncate(fd, 0)


def hostile_back(path, what, who):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(1)
    cut = (fe.SET_MEM_TABLE if what == "memory" else SET_INFLIGHT_FD) if who == "back" else None
    threading.Thread(target=lambda: serve(listener.accept()[0], cut), daemon=True).start()


def front(path, what, who):
    sock = socket.socket(socket.AF_UNIX)
    until = time.monotonic() + 10
    while sock.connect_ex(path):
        assert time.monotonic() < until, "the recorder does not listen"
        time.sleep(0.01)
    sock.settimeout(10)
    driver = fe.FrontEnd(sock).up()
    record = os.memfd_create("record")
    os.ftruncate(record, RECORD)
    driver.send(SET_INFLIGHT_FD, struct.pack("<QQHH", RECORD, 0, 1, 64), [record])
    try:
        queue = driver.queue(0)
        driver.number(fe.GET_FEATURES)
        if who == "front" and what == "record":
            os.ftruncate(record, 0)
        if what == "record":        # it is written when a request is taken, and when the queue stops
            queue.add([(0x80000, 64, 1)])
            driver.send(fe.GET_VRING_BASE, struct.pack("<II", 0, 0))
        elif who == "front":
            os.ftruncate(driver.fd, 0)
        while sock.recv(4096):
            pass
    except (EOFError, ConnectionResetError, BrokenPipeError):
        pass        # the recorder is gone: as soon as its back end has cut something


def main(binaries, folder, who, what):
    os.makedirs(folder)
    hostile_back(folder + "/back", what, who)
    recorder = subprocess.Popen([binaries + "/lguest-record", "--socket-path=" + folder + "/front", "--backend=" + folder + "/back",
                                 "--record=" + folder + "/to"], stderr=subprocess.PIPE, text=True)
    try:
        front(folder + "/front", what, who)
        said = recorder.communicate(timeout=10)[1]
    finally:
        recorder.kill()
        recorder.wait()
    shown = subprocess.run([binaries + "/lguest-replay", "--show", folder + "/to/recording"], stdout=subprocess.PIPE, text=True, check=False).stdout
    print("status %d; said %r; the recording ends with %r" % (recorder.returncode, said, shown.splitlines()[-1:]))
    ends = shown.rstrip().endswith(" end %d" % (who == "back"))
    return 0 if recorder.returncode == 3 and "the %s end has cut" % who in said and ends else 1


if __name__ == "__main__":
    if len(sys.argv) == 5:
        sys.exit(main(*sys.argv[1:]))
    option, _, value = sys.argv[1].partition("=")
    assert option == "--fd"
    serve(socket.socket(fileno=int(value)), fe.SET_MEM_TABLE)
