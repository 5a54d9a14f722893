"""Azure's blob storage on loopback: Microsoft's emulator, which needs Node."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import os
import shutil
import subprocess
from pathlib import Path

import requests

from image_service.storage.s3 import Access
from scripts.paths import RUN_DIR
from scripts.ports import LOOPBACK, free_ports
from scripts.report import ToolError, say
from scripts.s3_server import BUCKET, S3Server

VERSION = "3.35.0"
ACCOUNT = "images1"
KEY = base64.b64encode(hashlib.sha512(b"nobody's but the emulator's").digest()).decode()
INSTALL_TIMEOUT_S = 300.0
READY_TIMEOUT_S = 40.0
_API = "2021-08-06"


class AzuriteServer(S3Server):
    """One server process, whose account and address are in this process's environment."""

    scheme = "az"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, LOOPBACK, free_ports(1)[0])
        (folder / "data").mkdir(parents=True)

    def start(self) -> AzuriteServer:
        """See S3Server."""
        argv = [
            "node", str(make_sure_azurite_is_installed()), "--blobHost", self.host,
            "--blobPort", str(self.port), "--location", str(self._folder / "data"), "--silent",
            "--skipApiVersionCheck", "--disableTelemetry",
        ]  # fmt: skip
        self._begin(argv, os.environ | {"AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY}"})
        os.environ.update(self._account(self.endpoint_url))
        self._wait(READY_TIMEOUT_S)
        return self

    def access(self, *, endpoint_url: str = "", timeout_s: float = 10.0) -> Access:
        """See S3Server."""
        return Access(
            azure_url=f"{endpoint_url or self.endpoint_url}/{ACCOUNT}",
            timeout_s=timeout_s,
            multipart_bytes=5 * 2**20,
        )

    def settings(self, prefix: str, *, endpoint_url: str = "") -> dict[str, object]:
        """See S3Server; the endpoint is told by this process's environment."""
        os.environ.update(self._account(endpoint_url or self.endpoint_url))
        return {"s3_originals": self.place(prefix), "s3_timeout_s": 5}

    def environment(self, prefix: str, *, endpoint_url: str = "") -> dict[str, str]:
        """See S3Server."""
        return super().environment(prefix) | self._account(endpoint_url or self.endpoint_url)

    def _account(self, endpoint_url: str) -> dict[str, str]:
        return {
            "AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT,
            "AZURE_STORAGE_ACCOUNT_KEY": KEY,
            "AZURE_STORAGE_ENDPOINT": f"{endpoint_url}/{ACCOUNT}",
        }

    def _make_bucket(self) -> None:
        """Make the container: the library makes none."""
        date = dt.datetime.now(dt.timezone.utc).strftime("%a, %d %b %Y %H:%M:%S GMT")
        headers = {"x-ms-date": date, "x-ms-version": _API}
        told = "".join(f"{name}:{value}\n" for name, value in headers.items())
        text = "PUT" + "\n" * 12 + told + f"/{ACCOUNT}/{ACCOUNT}/{BUCKET}\nrestype:container"
        digest = hmac.new(base64.b64decode(KEY), text.encode(), hashlib.sha256).digest()
        headers["Authorization"] = f"SharedKey {ACCOUNT}:{base64.b64encode(digest).decode()}"
        url = f"{self.endpoint_url}/{ACCOUNT}/{BUCKET}?restype=container"
        answer = requests.put(url, headers=headers, timeout=10)
        assert answer.status_code in (201, 409), answer.text


def make_sure_azurite_is_installed() -> Path:
    """Return its program; npm installs it where it is missing. Raises: ToolError."""
    folder = RUN_DIR / f"azurite-{VERSION}"
    program = folder / "node_modules" / ".bin" / "azurite-blob"
    if program.exists():
        return program
    npm = shutil.which("npm")
    if npm is None:
        raise ToolError("no Node: install it with npm (Debian: apt-get install nodejs npm)")
    say(f"Installing azurite {VERSION} with npm ...")
    folder.mkdir(parents=True, exist_ok=True)
    argv = [
        npm,
        "install",
        "--no-audit",
        "--no-fund",
        "--prefix",
        str(folder),
        f"azurite@{VERSION}",
    ]
    done = subprocess.run(
        argv, check=False, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S
    )
    if done.returncode:
        raise ToolError(f"npm cannot install azurite: {done.stderr.strip()[-500:]}")
    return program
