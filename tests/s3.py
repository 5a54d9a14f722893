"""A real S3 server, SeaweedFS, and a line to it that can be broken in every way."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from image_service import native
from image_service.domain.bucket_url import BucketUrl
from image_service.storage.s3 import Access, Bucket
from scripts.ports import LOOPBACK, free_ports
from scripts.processes import Child

KEY, SECRET = "testkey", "testsecret"
BUCKET = "images"
READY_TIMEOUT_S = 40.0
STOP_GRACE_S = 8.0

socket, threading = native.socket, native.threading


class SeaweedServer:
    """One server process; what it keeps lasts over its restarts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = free_ports(9)
        self.port = self._ports[6]
        self.endpoint_url = f"http://{LOOPBACK}:{self.port}"
        self._child: Child | None = None
        (folder / "data").mkdir(parents=True)
        identity = {
            "name": "tests",
            "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))

    def start(self) -> SeaweedServer:
        names = (
            "master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port",
            "filer.port.grpc", "s3.port", "s3.port.grpc", "admin.port",
        )  # fmt: skip
        argv = [
            str(Path(sys.executable).with_name("weed")), "mini", f"-dir={self._folder / 'data'}",
            f"-ip={LOOPBACK}", f"-ip.bind={LOOPBACK}", "-s3.port.iceberg=0", "-s3.port.lance=0",
            "-webdav=false", "-admin.ui=false", "-master.telemetry=false",
            f"-s3.config={self._folder / 's3.json'}", f"-bucket={BUCKET}",
            *(f"-{name}={port}" for name, port in zip(names, self._ports, strict=True)),
        ]  # fmt: skip
        environment = os.environ | {"GOMEMLIMIT": "512MiB"}
        self._child = Child(argv, environment, self._folder / "weed.log")
        self._wait()
        return self

    def stop(self, *, at_once: bool = False) -> None:
        if self._child:
            if at_once:
                self._child.kill()
            else:
                self._child.stop(STOP_GRACE_S)
            self._child = None

    def access(self, *, endpoint_url: str = "", timeout_s: float = 10.0) -> Access:
        return Access(
            endpoint_url or self.endpoint_url, "us-east-1", key_id=KEY, secret=SECRET,
            timeout_s=timeout_s, multipart_bytes=5 * 2**20,
        )  # fmt: skip

    def bucket(self, prefix: str, **access: object) -> Bucket:
        return Bucket(BucketUrl(BUCKET, prefix), self.access(**access))  # type: ignore[arg-type]

    def settings(self, prefix: str, *, endpoint_url: str = "") -> dict[str, object]:
        """Return what config.yaml says for originals there."""
        return {
            "s3_originals": f"s3://{BUCKET}/{prefix}",
            "s3_endpoint_url": endpoint_url or self.endpoint_url,
            "s3_access_key_id": KEY,
            "s3_secret_access_key": SECRET,
            "s3_timeout_s": 5,
        }

    def environment(self, prefix: str, *, endpoint_url: str = "") -> dict[str, str]:
        """Return the same as environment variables."""
        told = self.settings(prefix, endpoint_url=endpoint_url)
        return {f"IMAGE_SERVICE_{key.upper()}": str(value) for key, value in told.items()}

    def _wait(self) -> None:
        deadline_s = time.monotonic() + READY_TIMEOUT_S
        probe = self.bucket("ready", timeout_s=2)
        while True:
            with contextlib.suppress(Exception):
                probe.check_listing()
                probe.check()
                return
            log = (self._folder / "weed.log").read_text(errors="replace")
            assert time.monotonic() < deadline_s, f"SeaweedFS does not answer: {log[-2000:]}"
            assert self._child
            assert self._child.exit_code() is None, log[-2000:]
            time.sleep(0.1)


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
