"""What tests and benchmarks need of an S3 server on loopback, whichever it is."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from image_service.domain.bucket_url import BucketUrl
from image_service.storage.s3 import Access, Bucket
from scripts.processes import POLL_S, Child

KEY, SECRET = "testkey", "testsecret"
BUCKET = "images"


class S3Server:
    """One server with one bucket, BUCKET.

    Attributes:
        host, port: where it listens; endpoint_url: the same as an address.
    """

    scheme = "s3"
    region = "us-east-1"
    stop_grace_s = 8.0

    def __init__(self, folder: Path, host: str, port: int) -> None:
        self._folder, self.host, self.port = folder, host, port
        self.endpoint_url = f"http://{host}:{port}"
        self._children: list[Child] = []

    def start(self) -> S3Server:
        """Start it and return once the bucket is there. Raises: ToolError."""
        raise NotImplementedError

    def stop(self, *, at_once: bool = False) -> None:
        """Stop it in an orderly way, or at once."""
        for child in reversed(self._children):
            if at_once:
                child.kill()
            else:
                child.stop(self.stop_grace_s)
        self._children.clear()

    def access(self, *, endpoint_url: str = "", timeout_s: float = 10.0) -> Access:
        """Return how to get in."""
        return Access(
            endpoint_url=endpoint_url or self.endpoint_url, region=self.region, key_id=KEY,
            secret=SECRET, timeout_s=timeout_s, multipart_bytes=5 * 2**20,
        )  # fmt: skip

    def bucket(self, prefix: str, **access: object) -> Bucket:
        """Return what is below a prefix."""
        url = BucketUrl.parse(self.place(prefix))
        return Bucket(url, self.access(**access))  # type: ignore[arg-type]

    def place(self, prefix: str = "") -> str:
        """Return the address of what is below a prefix."""
        return f"{self.scheme}://{BUCKET}/{prefix}"

    def settings(self, prefix: str, *, endpoint_url: str = "") -> dict[str, object]:
        """Return what config.yaml says for originals there."""
        return {
            "s3_originals": self.place(prefix),
            "s3_endpoint_url": endpoint_url or self.endpoint_url,
            "s3_region": self.region,
            "s3_access_key_id": KEY,
            "s3_secret_access_key": SECRET,
            "s3_timeout_s": 5,
        }

    def environment(self, prefix: str, *, endpoint_url: str = "") -> dict[str, str]:
        """Return the same as environment variables."""
        told = self.settings(prefix, endpoint_url=endpoint_url)
        return {f"IMAGE_SERVICE_{key.upper()}": str(value) for key, value in told.items()}

    def _begin(self, argv: list[str], environment: dict[str, str]) -> None:
        """Start one of its programs; what it says is in a file of its name."""
        log = self._folder / f"{Path(argv[0]).name}.log"
        self._children.append(Child(argv, environment, log))

    def _wait(self, timeout_s: float) -> None:
        """Return when the bucket answers; fails when a program has ended or time is over."""
        deadline_s = time.monotonic() + timeout_s
        probe = self.bucket("ready", timeout_s=2)
        while True:
            with contextlib.suppress(Exception):
                self._make_bucket()
                probe.check_listing()
                probe.check()
                return
            ended = [child for child in self._children if child.exit_code() is not None]
            assert not ended, f"it ended: {self._said()}"
            assert time.monotonic() < deadline_s, f"it does not answer: {self._said()}"
            time.sleep(POLL_S)

    def _make_bucket(self) -> None:
        """Make the bucket where the server has not made it itself."""

    def _said(self) -> str:
        logs = [log.read_text(errors="replace")[-2000:] for log in self._folder.glob("*.log")]
        return "\n".join([f"{type(self).__name__} in {self._folder}", *logs])
