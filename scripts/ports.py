"""TCP ports on this machine's loopback."""

from __future__ import annotations

import itertools
import random
import socket

LOOPBACK = "127.0.0.1"


# Below what systems hand out to outgoing connections (32768 and up on Linux): such a port could be
# gone again before a server that takes seconds to start listens on it.
CANDIDATES = range(20_000, 32_000)


def _listener(port: int) -> socket.socket | None:
    """Return a socket bound to the port on loopback, or None when it is taken."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((LOOPBACK, port))
    except OSError:
        sock.close()
        return None
    return sock


def is_free(port: int) -> bool:
    """Return whether the TCP port is free on loopback now."""
    sock = _listener(port)
    if sock is None:
        return False
    sock.close()
    return True


def free_ports(count: int) -> list[int]:
    """Return different TCP ports that are free on loopback now, at random."""
    # Not the shared generator: tests seed it, and two of them at once would choose alike.
    candidates = random.SystemRandom().sample(CANDIDATES, len(CANDIDATES))
    return list(itertools.islice(filter(is_free, candidates), count))
