"""Killed between storing and replying: whoever asks again, broker or caller, gets the one image."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from nameko.standalone.rpc import ClusterRpcProxy

from image_service.testing import png
from tests.component.harness import delete_queues, wait_until
from tests.e2e.crash_ground import SWEEP_TIMEOUT_S, Ground, ground_of
from tests.e2e.processes import Site
from tests.e2e.tracing import needs_strace, traced
from tests.engines import LOCAL, S3, Engines
from tests.originals import left_of_images

DATA = png((40, 30), seed=4)
# What comes behind the commit and before the reply: the file gets its final name, or goes; of what
# is in a bucket the machine's own marks are taken away.
UPLOADED = {LOCAL: "rename", S3: "unlink"}
DELETED = "unlink"


@pytest.fixture
def ground(
    engines: Engines, new_store: Callable[[], dict[str, Any]], tmp_path: Path, broker_uri: str
) -> Ground:
    needs_strace()
    delete_queues(broker_uri)
    return ground_of(engines, tmp_path / "site", new_store())


@pytest.fixture
def site(ground: Ground, broker_uri: str) -> Site:
    made = Site(ground.folder, broker_uri)
    made.environment |= ground.environment
    return made


def only_left(ground: Ground, *names: str) -> None:
    """See that just these are there of all originals, once a dead process's are cleared up."""
    wait_until(lambda: ground.kept.names() == set(names), SWEEP_TIMEOUT_S, "something is left")
    wait_until(lambda: not ground.in_doubt(), SWEEP_TIMEOUT_S, "something is left in doubt")


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
    try:
        site.wait_until_ready(process)
        with traced(process.pid, ["-o", "/dev/null", "-e", f"inject={call}:signal=KILL:when=1"]):
            yield process
    finally:
        process.kill()
        process.wait()


def images(site: Site) -> list[dict[str, Any]]:
    with rpc(site) as service:
        reply = service.list_images()
        assert reply["total"] == len(reply["images"])
        found: list[dict[str, Any]] = reply["images"]
        return found


def test_the_broker_delivers_again_and_the_first_image_is_answered(
    site: Site, ground: Ground
) -> None:
    with doomed(site, UPLOADED[ground.engines.store]) as process:
        call = Call(site, "upload_image", DATA, "a.png", tags=["once"])
        assert process.wait(timeout=30) == -9
        (left,) = (name for name in ground.kept.names() if "img_" in name)
    with site.running():
        call.join(timeout=60)
        assert call.reply["success"], call.reply
        assert call.reply["imageId"] in left
        (image,) = images(site)
        assert image["imageId"] == call.reply["imageId"]
        assert ground.kept.read(f"{image['imageId']}.png") == DATA
        only_left(ground, f"{image['imageId']}.png")


@pytest.mark.soak
def test_a_deletion_that_was_not_answered_is_answered_as_done(site: Site, ground: Ground) -> None:
    with site.running(), rpc(site) as service:
        image_id = service.upload_image(DATA, "a.png")["imageId"]
    with doomed(site, DELETED) as process:
        call = Call(site, "delete_image", image_id)
        assert process.wait(timeout=30) == -9
    with site.running():
        call.join(timeout=60)
        assert (call.reply["success"], call.reply["imageId"]) == (True, image_id)
        assert images(site) == []
        only_left(ground)
        assert left_of_images(site.uploads) == []
        with rpc(site) as service:
            assert service.delete_image(image_id)["error"]["code"] == "image_not_found"


@pytest.mark.soak
def test_a_caller_that_asks_again_with_its_key_gets_the_first_image(
    site: Site, ground: Ground
) -> None:
    with doomed(site, UPLOADED[ground.engines.store]) as process:
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
