"""Free loopback ports."""

import random
import socket

# Below the range from which the kernel takes the ports of outgoing connections (32768..60999), so that a port found
# here is not taken by a passing connection before its server listens on it.
_FIRST, _LAST = 20000, 32000


def free_port():
    """A TCP port on 127.0.0.1 that nobody listens on at this moment."""
    while True:
        port = random.randint(_FIRST, _LAST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
