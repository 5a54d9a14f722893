"""Containers and callers for the component tests."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kombu.pools
import pytest

from tests.component import conformity
from tests.component.harness import RawCaller, Service, delete_queues
from tests.component.sight import Lines
from tests.engines import LOCAL, Engines
from tests.s3 import FaultyLine, refusal

conformity.watch()


@pytest.fixture(autouse=True)
def conforms(request: pytest.FixtureRequest) -> Iterator[None]:
    """What the service answers is what the documentation says, but where a test breaks it."""
    conformity.found.clear()
    yield
    is_broken = request.node.get_closest_marker("broken_replies") is not None
    assert bool(conformity.found) == is_broken, conformity.found


def _running(uri: str, upload_dir: Path, **settings: Any) -> Service:
    return Service(uri, upload_dir, **settings).start()


@pytest.fixture(scope="module")
def service(
    broker_uri: str,
    tmp_path_factory: pytest.TempPathFactory,
    new_store: Callable[[], dict[str, Any]],
) -> Iterator[Service]:
    """A service that the tests of a module share; they leave it as they found it."""
    delete_queues(broker_uri)
    folder = tmp_path_factory.mktemp("shared") / "uploads"
    running = _running(broker_uri, folder, **new_store())
    yield running
    running.stop()
    kombu.pools.reset()


@pytest.fixture
def make_service(
    broker_uri: str, tmp_path: Path, new_store: Callable[[], dict[str, Any]]
) -> Iterator[Callable[..., Service]]:
    """Start services with settings of one's own; all are stopped in the end.

    Not beside `service`: both would take from the same queues.
    """
    delete_queues(broker_uri)
    made: list[Service] = []
    stores: dict[Path, dict[str, Any]] = {}

    def make(*, uri: str = broker_uri, upload_dir: Path | None = None, **settings: Any) -> Service:
        folder = upload_dir or tmp_path / "uploads"
        if folder not in stores:  # those on one folder share it
            stores[folder] = new_store()
        made.append(Service(uri, folder, **{**stores[folder], **settings}))
        return made[-1].start()

    yield make
    for one in made:
        one.stop()
    kombu.pools.reset()


@pytest.fixture
def full_store(request: pytest.FixtureRequest, engines: Engines) -> Iterator[dict[str, Any]]:
    """Settings that leave a store no room for originals: a disk's end, or a bucket's own quota."""
    if engines.store == LOCAL:
        yield {"min_free_bytes": 2**60}
        return
    line: FaultyLine = request.getfixturevalue("line")
    full = refusal("403 Forbidden", "QuotaExceeded")
    line.answer = lambda head: full if head.startswith(b"PUT") and b"/img_" in head else None
    yield {"s3_endpoint_url": line.endpoint_url}


@pytest.fixture
def rpc(service: Service) -> Iterator[Any]:
    """The shared service, called with msgpack."""
    with service.rpc() as proxy:
        yield proxy


@pytest.fixture
def raw(broker_uri: str) -> Iterator[RawCaller]:
    """A caller in plain AMQP."""
    with RawCaller(broker_uri) as caller:
        yield caller


@pytest.fixture
def lines() -> Iterator[Lines]:
    """What is logged meanwhile, from INFO on."""
    handler, root = Lines(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield handler
    root.removeHandler(handler)
    root.setLevel(level)
