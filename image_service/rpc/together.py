"""A reply and its acknowledgement reach RabbitMQ as one."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

_CORK = getattr(socket, "TCP_CORK", None)  # Linux


@contextlib.contextmanager
def sent_together(channel: Any) -> Iterator[None]:
    """Keep back what is sent on a channel until the end of this block.

    Between two writes the other side of the first may run instead of this process, for
    milliseconds. Its next call would find the place of the one that is answered still taken, and
    go to a process that is to have only what the others cannot take.
    """
    connection = channel.connection
    sock = connection.transport.sock if connection and connection.transport else None
    if sock is None or _CORK is None:
        yield
        return
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.IPPROTO_TCP, _CORK, 1)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, _CORK, 0)
