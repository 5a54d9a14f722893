"""Every store and every catalogue, for the suites that all of them pass."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from image_service.domain.ports import BlobStore, Catalogue
from image_service.imaging.limits import Limits
from image_service.imaging.pool import WorkerPool
from tests.contracts.adapters import (
    CATALOGUES,
    MOVING,
    NEED_S3,
    POSTGRESQL,
    STORES,
    MovingCatalogues,
    PostgresCatalogues,
    Process,
)

_MOVING_EACH_TIME = ("test_catalogue_quotas.py",)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave to the long run most of what is slow: each of these copies a catalogue."""
    for item in items:
        if f"[{MOVING}" in item.name and item.path.name not in _MOVING_EACH_TIME:
            item.add_marker(pytest.mark.soak)


@pytest.fixture(params=[*sorted(CATALOGUES), POSTGRESQL, MOVING])
def catalogues(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """Processes on one catalogue."""
    if request.param == POSTGRESQL:
        made: Any = PostgresCatalogues(request.getfixturevalue("postgres_server"))
    elif request.param == MOVING:
        made = MovingCatalogues(tmp_path, request.getfixturevalue("postgres_server"))
    else:
        made = CATALOGUES[request.param](tmp_path)
    yield made
    made.stop()


@pytest.fixture
def catalogue(catalogues: Any) -> Catalogue:
    """The first of them."""
    adapter: Catalogue = catalogues.start().adapter
    return adapter


@pytest.fixture(params=sorted(STORES))
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Processes on one store."""
    if request.param in NEED_S3:
        return STORES[request.param](tmp_path, request.getfixturevalue("s3_server"))
    return STORES[request.param](tmp_path)


@pytest.fixture
def process(stores: Any) -> Process:
    """The first of them."""
    made: Process = stores.start()
    return made


@pytest.fixture
def store(process: Process) -> BlobStore:
    """Its store."""
    adapter: BlobStore = process.adapter
    return adapter


@pytest.fixture(scope="module")
def shared() -> Iterator[WorkerPool]:
    """A pool for tests that harm nobody."""
    pool = WorkerPool(Limits(), workers=2, max_waiting=8, timeout_s=10, jobs_before_restart=1000)
    pool.start()
    yield pool
    pool.stop()
