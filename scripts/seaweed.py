"""SeaweedFS on loopback: a real S3 server for tests and benchmarks."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from pathlib import Path

from image_service.domain.bucket_url import BucketUrl
from image_service.storage.s3 import Access, Bucket
from scripts.ports import LOOPBACK, free_ports
from scripts.processes import Child

KEY, SECRET = "testkey", "testsecret"
BUCKET = "images"
READY_TIMEOUT_S = 40.0
STOP_GRACE_S = 8.0


class SeaweedServer:
    """One server process; what it keeps lasts over its restarts."""

    def __init__(self, folder: Path, *, host: str = LOOPBACK) -> None:
        """Args: host: the address that it listens on."""
        self._folder = folder
        self._host = host
        self._ports = free_ports(9)
        self.port = self._ports[6]
        self.endpoint_url = f"http://{host}:{self.port}"
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
            f"-ip={self._host}", f"-ip.bind={self._host}", "-s3.port.iceberg=0", "-s3.port.lance=0",
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
