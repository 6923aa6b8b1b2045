"""Free loopback ports."""

import fcntl
import os
import pathlib
import random
import socket
import tempfile

# Below the range from which the kernel takes the ports of outgoing connections (32768..60999), so that a port found
# here is not taken by a passing connection before its server listens on it.
_FIRST, _LAST = 20000, 32000

# Each port that was given out is a locked file in a folder that all runs on this machine share: a server may take a
# while to listen on it, or be restarted, and another run must not be given it meanwhile. The kernel frees the locks of
# whoever ends.
_RESERVED = pathlib.Path(tempfile.gettempdir()) / f"causeway-ports-{os.getuid()}"
_locks = {}


def _reserve(port):
    _RESERVED.mkdir(exist_ok=True)
    lock = open(_RESERVED / str(port), "w")  # noqa: SIM115: held until this process ends
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return False
    _locks[port] = lock
    return True


def free_port():
    """A TCP port on 127.0.0.1 that nobody listens on, and that is given to nobody else while this process lives."""
    while True:
        port = random.randint(_FIRST, _LAST)
        if port in _locks or not _reserve(port):
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
