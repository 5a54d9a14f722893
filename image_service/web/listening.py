"""Sockets that connections come to."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any

import eventlet
from eventlet.greenio import GreenSocket
from eventlet.greenio.base import socket_accept
from eventlet.hubs import trampoline

_UNSENT_BYTES = 128 * 1024


def listen(host: str, port: int, *, share: bool) -> socket.socket:
    """Return a listening socket that sends small answers at once.

    Args:
        share: let other processes of this user listen on the same port too.
    Raises: OSError when the address cannot be had.
    """
    family, _, _, _, address = socket.getaddrinfo(
        host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    sock = eventlet.listen(address, family=family, backlog=512, reuse_port=share)
    return _prepared(sock)


def inherited(listen_fd: int, pause_s: Callable[[], float]) -> Any:
    """Return the socket that a supervisor listens on; it goes on when this one is closed.

    Args: pause_s: tells how long to leave a connection that is there to other processes.
    """
    sock: Any = _PatientSocket(-1, -1, -1, fileno=os.dup(listen_fd))
    sock.pause_s = pause_s
    return _prepared(sock)


class _PatientSocket(GreenSocket):
    """Accepts a connection only when no other process has for a while."""

    pause_s: Callable[[], float]

    def accept(self) -> tuple[GreenSocket, Any]:
        while True:
            trampoline(self.fd, read=True, mark_as_closed=self._mark_as_closed)
            pause_s = self.pause_s()
            if pause_s:
                eventlet.sleep(pause_s)
            accepted = socket_accept(self.fd)
            if accepted:
                sock, address = accepted
                return GreenSocket(sock), address


def _prepared(sock: Any) -> Any:
    # Inherited by every connection: Nagle's algorithm holds a picture's last packet for 40 ms.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):
        # Otherwise megabytes wait in the system's buffer, and a client that takes them slowly but
        # steadily looks stalled for longer than the idle time.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
    sock.settimeout(None)
    return sock
