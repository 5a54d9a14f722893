"""Several processes of one machine may use a store, two machines may not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from image_service.errors import StorageUnavailable
from image_service.storage.host import HostLock, this_host


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "host.lock"


@pytest.fixture
def held(path: Path) -> Iterator[HostLock]:
    lock = HostLock(path, "one")
    lock.acquire()
    yield lock
    lock.release()


def test_processes_of_one_machine_share_it(held: HostLock, path: Path) -> None:
    locks = [HostLock(path, "one") for _ in range(3)]
    for lock in locks:
        lock.acquire()
    for lock in locks:
        lock.release()


def test_another_machine_is_refused_until_all_have_gone(held: HostLock, path: Path) -> None:
    second = HostLock(path, "one")
    second.acquire()
    held.release()
    other = HostLock(path, "two")
    for _ in range(2):
        with pytest.raises(StorageUnavailable, match="another machine, "):
            other.acquire()
    second.release()
    other.acquire()
    with pytest.raises(StorageUnavailable, match="another machine, "):
        HostLock(path, "one").acquire()
    other.release()


def test_this_machine_has_a_name_of_its_own() -> None:
    assert this_host() == this_host() != ""
