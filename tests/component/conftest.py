"""Containers and callers for the component tests."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kombu.pools
import pytest

from tests.component import conformity
from tests.component.harness import RawCaller, Service, delete_queues
from tests.component.sight import Lines
from tests.contracts.adapters import POSTGRESQL, PostgresCatalogues


@pytest.fixture(scope="session")
def new_catalogue(request: pytest.FixtureRequest) -> Callable[[], dict[str, Any]]:
    """Return the settings of a catalogue for one more service: SQLite's, which are none.

    With TEST_CATALOGUE=postgresql in the environment all component tests run on PostgreSQL.
    """

    def new() -> dict[str, Any]:
        if os.environ.get("TEST_CATALOGUE") != POSTGRESQL:
            return {}
        server = request.getfixturevalue("postgres_server")
        return {"catalogue_url": PostgresCatalogues(server, is_empty=True).url}

    return new


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
    new_catalogue: Callable[[], dict[str, Any]],
) -> Iterator[Service]:
    """A service that the tests of a module share; they leave it as they found it."""
    delete_queues(broker_uri)
    folder = tmp_path_factory.mktemp("shared") / "uploads"
    running = _running(broker_uri, folder, **new_catalogue())
    yield running
    running.stop()
    kombu.pools.reset()


@pytest.fixture
def make_service(
    broker_uri: str, tmp_path: Path, new_catalogue: Callable[[], dict[str, Any]]
) -> Iterator[Callable[..., Service]]:
    """Start services with settings of one's own; all are stopped in the end.

    Not beside `service`: both would take from the same queues.
    """
    delete_queues(broker_uri)
    made: list[Service] = []
    catalogues: dict[Path, dict[str, Any]] = {}

    def make(*, uri: str = broker_uri, upload_dir: Path | None = None, **settings: Any) -> Service:
        folder = upload_dir or tmp_path / "uploads"
        if folder not in catalogues:  # those on one folder share it
            catalogues[folder] = new_catalogue()
        made.append(Service(uri, folder, **{**catalogues[folder], **settings}))
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
