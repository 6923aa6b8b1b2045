"""Free loopback ports."""

import fcntl
import os
import pathlib
import random
import socket
import tempfile
import time

# Below the range from which the kernel takes the ports of outgoing connections (32768..60999), so that a port found
# here is not taken by a passing connection before its server listens on it.
_FIRST, _LAST = 20000, 32000

# All runs on this machine share a folder with a file for each port that was given out, which says to which process: a
# server may take a while to listen on it, or be restarted, and another run must not be given it meanwhile. What was
# given to a process that has ended is free. (Nothing is kept open: a test run takes thousands of ports, and may have
# those back that it has not used for longer than a test lasts.)
_LONGER_THAN_A_TEST_S = 600
_RESERVED = pathlib.Path(tempfile.gettempdir()) / f"causeway-ports-{os.getuid()}"


def _lives(pid):
    if pid <= 0:  # to kill() that is a group of processes
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _reserve(port):
    _RESERVED.mkdir(exist_ok=True)
    with open(_RESERVED / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        holder = _RESERVED / str(port)
        try:
            pid = int(holder.read_text())
            is_old = time.time() - holder.stat().st_mtime > _LONGER_THAN_A_TEST_S
            if _lives(pid) and not (pid == os.getpid() and is_old):
                return False
        except (FileNotFoundError, ValueError):  # nobody's, or cut off
            pass
        holder.write_text(str(os.getpid()))
        return True


def free_port():
    """A TCP port on 127.0.0.1 that nobody listens on, and that is given to nobody else while this process lives."""
    while True:
        port = random.randint(_FIRST, _LAST)
        if not _reserve(port):
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
