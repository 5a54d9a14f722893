"""Killed between storing and replying: whoever asks again, broker or caller, gets the one image."""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nameko.standalone.rpc import ClusterRpcProxy

from image_service.testing import png
from tests.e2e.processes import Site
from tests.e2e.test_killed_at_each_call import needs_strace

DATA = png((40, 30), seed=4)
# What comes behind the commit and before the reply: the file gets its final name, or goes.
UPLOADED, DELETED = "rename", "unlink"


@pytest.fixture
def site(tmp_path: Path, broker_uri: str) -> Site:
    needs_strace()
    return Site(tmp_path / "site", broker_uri)


@contextlib.contextmanager
def rpc(site: Site) -> Iterator[Any]:
    config = {"AMQP_URI": site.uri, "serializer": "msgpack", "ACCEPT": ["msgpack", "json"]}
    with ClusterRpcProxy(config, timeout=60) as proxy:
        yield proxy.image_service


class Call(threading.Thread):
    """A call that waits for its reply, however long the service is away."""

    def __init__(self, site: Site, method: str, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        self._site, self._call = site, (method, args, kwargs)
        self.reply: dict[str, Any] = {}
        self.start()

    def run(self) -> None:
        method, args, kwargs = self._call
        with rpc(self._site) as service:
            self.reply = getattr(service, method)(*args, **kwargs)


@contextlib.contextmanager
def doomed(site: Site, call: str) -> Iterator[subprocess.Popen[bytes]]:
    """A service that is killed when it next makes this call."""
    process = site.start()
    words = ["strace", "-f", "-qq", "-o", "/dev/null", "-p", str(process.pid)]
    try:
        site.wait_until_ready(process)
        tracer = subprocess.Popen([*words, "-e", f"inject={call}:signal=KILL:when=1"])
        status = Path(f"/proc/{process.pid}/task").glob("*/status")
        deadline = time.monotonic() + 10
        for path in status:
            while "TracerPid:\t0" in path.read_text():
                assert time.monotonic() < deadline, "strace does not attach"
                time.sleep(0.02)
        yield process
        tracer.wait(timeout=20)
    finally:
        process.kill()
        process.wait()


def images(site: Site) -> list[dict[str, Any]]:
    with rpc(site) as service:
        reply = service.list_images()
        assert reply["total"] == len(reply["images"])
        found: list[dict[str, Any]] = reply["images"]
        return found


def test_the_broker_delivers_again_and_the_first_image_is_answered(site: Site) -> None:
    with doomed(site, UPLOADED) as process:
        call = Call(site, "upload_image", DATA, "a.png", tags=["once"])
        assert process.wait(timeout=30) == -9
        (left,) = [path for path in (site.uploads / ".tmp").iterdir() if "img_" in path.name]
    with site.running():
        call.join(timeout=60)
        assert call.reply["success"], call.reply
        assert call.reply["imageId"] in left.name
        (image,) = images(site)
        assert image["imageId"] == call.reply["imageId"]
        assert (site.uploads / f"{image['imageId']}.png").read_bytes() == DATA
        assert list((site.uploads / ".tmp").iterdir()) == []


@pytest.mark.soak
def test_a_deletion_that_was_not_answered_is_answered_as_done(site: Site) -> None:
    with site.running(), rpc(site) as service:
        image_id = service.upload_image(DATA, "a.png")["imageId"]
    with doomed(site, DELETED) as process:
        call = Call(site, "delete_image", image_id)
        assert process.wait(timeout=30) == -9
    with site.running():
        call.join(timeout=60)
        assert (call.reply["success"], call.reply["imageId"]) == (True, image_id)
        assert images(site) == []
        assert [path for path in site.uploads.rglob("*") if "img_" in path.name] == []
        with rpc(site) as service:
            assert service.delete_image(image_id)["error"]["code"] == "image_not_found"


@pytest.mark.soak
def test_a_caller_that_asks_again_with_its_key_gets_the_first_image(site: Site) -> None:
    with doomed(site, UPLOADED) as process:
        first = Call(site, "upload_image", DATA, "a.png", idempotency_key="k1")
        assert process.wait(timeout=30) == -9
    with site.running():
        again = Call(site, "upload_image", DATA, "a.png", idempotency_key="k1")
        for call in (first, again):
            call.join(timeout=60)
        assert again.reply["success"], again.reply
        assert first.reply["imageId"] == again.reply["imageId"]
        assert len(images(site)) == 1
        with rpc(site) as service:
            other = service.upload_image(png(seed=9), "a.png", idempotency_key="k1")
            assert other["error"]["code"] == "invalid_argument"
