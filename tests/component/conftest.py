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

conformity.watch()


@pytest.fixture(autouse=True)
def conforms() -> Iterator[None]:
    """What the service answers is what the documentation says."""
    conformity.found.clear()
    yield
    assert conformity.found == []


def _running(uri: str, upload_dir: Path, **settings: Any) -> Service:
    return Service(uri, upload_dir, **settings).start()


@pytest.fixture(scope="module")
def service(broker_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that the tests of a module share; they leave it as they found it."""
    delete_queues(broker_uri)
    running = _running(broker_uri, tmp_path_factory.mktemp("shared") / "uploads")
    yield running
    running.stop()
    kombu.pools.reset()


@pytest.fixture
def make_service(broker_uri: str, tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Start services with settings of one's own; all are stopped in the end.

    Not beside `service`: both would take from the same queues.
    """
    delete_queues(broker_uri)
    made: list[Service] = []

    def make(*, uri: str = broker_uri, upload_dir: Path | None = None, **settings: Any) -> Service:
        made.append(Service(uri, upload_dir or tmp_path / "uploads", **settings))
        return made[-1].start()

    yield make
    for one in made:
        one.stop()
    kombu.pools.reset()


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
