"""The standard library's blocking calls as they are, whatever eventlet has made of them.

For what runs in native threads: a green call there would wait in a hub of its own.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import os
    import queue
    import socket
    import subprocess
    import threading
    import time
else:
    from eventlet import patcher

    os = patcher.original("os")
    queue = patcher.original("queue")
    socket = patcher.original("socket")
    subprocess = patcher.original("subprocess")
    threading = patcher.original("threading")
    time = patcher.original("time")
    # It would wait for its processes with the green ones.
    subprocess.os, subprocess.threading, subprocess.time = os, threading, time

__all__ = ["hang_up", "os", "queue", "socket", "subprocess", "threading", "time"]


def hang_up(connection: Any) -> None:
    """Shut a connection down that others may be waiting on: they take it for the other end's doing.

    Args: connection: a socket, or whatever has a fileno().
    """
    with contextlib.suppress(Exception):  # it was closed a moment ago
        copy = socket.socket(fileno=os.dup(connection.fileno()))
        try:
            copy.shutdown(socket.SHUT_RDWR)
        finally:
            copy.close()
