"""Requests byte by byte, and what the server beneath holds open."""

from __future__ import annotations

import contextlib
import gc
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.component.harness import Service


def server_of(service: Service) -> Any:
    return next(e for e in service.container.extensions if hasattr(e, "_slots"))


def free_slots(service: Service) -> int:
    slots = server_of(service)._slots
    return int(slots.counter) + 1  # one is held by the accepting thread


def open_originals(service: Service) -> list[str]:
    """Return the files that are held open of originals, or for the sake of those in a bucket."""
    gc.collect()
    found = []
    for fd in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            target = str(fd.readlink())
            if target.startswith(str(service.upload_dir)) and "img_" in target:
                found.append(target)
    return found


@contextlib.contextmanager
def connected(service: Service, *, receive_bytes: int = 0) -> Iterator[socket.socket]:
    sock = socket.socket()
    if receive_bytes:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    sock.settimeout(10)
    sock.connect(("localhost", service.port))
    try:
        yield sock
    finally:
        sock.close()


def request(path: str, *headers: str, method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: x", *headers, "", ""]).encode()


def receive_all(sock: socket.socket) -> bytes:
    """Return what comes until the server closes."""
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := sock.recv(1 << 16):
            data += chunk
    return data
