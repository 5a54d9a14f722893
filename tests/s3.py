"""The S3 server of the tests (`TEST_S3=ceph`, `azurite`), and a line to it that can be broken."""

from __future__ import annotations

import contextlib
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

from image_service import native
from scripts.azurite import AzuriteServer
from scripts.ceph import CephServer
from scripts.ports import LOOPBACK
from scripts.s3_server import BUCKET, KEY, SECRET, S3Server
from scripts.seaweed import SeaweedServer

__all__ = [
    "BUCKET",
    "KEY",
    "SECRET",
    "FaultyLine",
    "S3Server",
    "not_spoken",
    "refusal",
    "server_in",
    "status_of",
]

socket, threading = native.socket, native.threading

SERVERS: Mapping[str, Callable[[Path], S3Server]] = {
    "seaweedfs": SeaweedServer,
    "ceph": CephServer,
    "azurite": AzuriteServer,
}


def server_in(folder: Path) -> S3Server:
    """Return the server that the environment chooses, not yet started."""
    return SERVERS[_chosen()](folder)


def not_spoken() -> str:
    """Return the mark of tests about a protocol that this server does not speak."""
    return "speaks_s3" if _chosen() == "azurite" else "speaks_azure"


def _chosen() -> str:
    return os.environ.get("TEST_S3", "seaweedfs")


class FaultyLine:
    """A TCP line to the server that breaks as a test wants; its threads are native ones."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._listener = socket.create_server((LOOPBACK, 0))
        self.endpoint_url = f"http://{LOOPBACK}:{self._listener.getsockname()[1]}"
        self._ends: list[object] = []
        self.requests: list[bytes] = []
        self.bytes_down = 0
        self.mend()
        threading.Thread(target=self._accept, daemon=True).start()

    def mend(self) -> None:
        """Carry everything again."""
        self.is_down = False
        self.delay_s = 0.0
        # Called with each request's head; what it returns is answered instead, None for nothing.
        self.answer: Callable[[bytes], bytes | None] = lambda _: None
        # Called with each answer's bytes as they come; None cuts the connection.
        self.change: Callable[[bytes], bytes | None] = lambda data: data
        # The same for what is sent.
        self.change_up: Callable[[bytes], bytes] = lambda data: data

    def close(self) -> None:
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """Break all connections there are."""
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)  # type: ignore[attr-defined]
        self._ends.clear()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if self.is_down:
                    near.close()
                    continue
                self._ends.append(near)
                threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        with contextlib.suppress(OSError), near:
            far = socket.create_connection((LOOPBACK, self._port))
            self._ends.append(far)
            with far:
                back = threading.Thread(target=self._back, args=(far, near), daemon=True)
                back.start()
                while data := near.recv(65_536):
                    if data.split(b" ", 1)[0] in (b"GET", b"PUT", b"HEAD", b"DELETE", b"POST"):
                        self.requests.append(data.split(b"\r\n", 1)[0])
                        instead = self.answer(data)
                        if instead is not None:
                            near.sendall(instead)
                            return
                    time.sleep(self.delay_s)
                    far.sendall(self.change_up(data))

    def _back(self, far: socket.socket, near: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := far.recv(65_536):
                changed = self.change(data)
                if changed is None:
                    near.shutdown(socket.SHUT_RDWR)
                    return
                self.bytes_down += len(changed)
                near.sendall(changed)
            near.shutdown(socket.SHUT_RDWR)


def refusal(status: str, code: str = "") -> bytes:
    """Return an answer of S3's that refuses."""
    body = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nConnection: close\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def status_of(url: str) -> int:
    """Return the HTTP status of an address."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as exc:
        return int(exc.code)
