"""SeaweedFS on loopback: a real S3 server for tests and benchmarks."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from scripts.ports import LOOPBACK, free_ports
from scripts.s3_server import BUCKET, KEY, SECRET, S3Server

READY_TIMEOUT_S = 40.0


class SeaweedServer(S3Server):
    """One server process; what it keeps lasts over its restarts."""

    def __init__(self, folder: Path, *, host: str = LOOPBACK) -> None:
        """Args: host: the address that it listens on."""
        self._ports = free_ports(9)
        super().__init__(folder, host, self._ports[6])
        (folder / "data").mkdir(parents=True)
        identity = {
            "name": "tests",
            "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))

    def start(self) -> SeaweedServer:
        """See S3Server."""
        names = (
            "master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port",
            "filer.port.grpc", "s3.port", "s3.port.grpc", "admin.port",
        )  # fmt: skip
        argv = [
            str(Path(sys.executable).with_name("weed")), "mini", f"-dir={self._folder / 'data'}",
            f"-ip={self.host}", f"-ip.bind={self.host}", "-s3.port.iceberg=0", "-s3.port.lance=0",
            "-webdav=false", "-admin.ui=false", "-master.telemetry=false",
            f"-s3.config={self._folder / 's3.json'}", f"-bucket={BUCKET}",
            *(f"-{name}={port}" for name, port in zip(names, self._ports, strict=True)),
        ]  # fmt: skip
        self._begin(argv, os.environ | {"GOMEMLIMIT": "512MiB"})
        self._wait(READY_TIMEOUT_S)
        return self
