"""What stores have that can be one of two: who is there, who is under way, and leaving for good."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from image_service.domain.image import make_image_id
from image_service.domain.movable_store import MovableStore
from image_service.errors import StorageUnavailable
from image_service.testing import NOON_MS
from tests.contracts.adapters import STORES, LocalStores, S3Stores, new_name
from tests.contracts.test_blob_store import DATA, content, knowing, settled
from tests.s3 import S3Server


@pytest.fixture(params=["memory", "local", "s3"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    if request.param == "s3":
        return S3Stores(tmp_path, request.getfixturevalue("s3_server"))
    return STORES[request.param](tmp_path)


@pytest.fixture
def store(stores: Any) -> MovableStore:
    adapter: MovableStore = stores.start().adapter
    return adapter


def test_present_is_what_is_settled_or_in_the_trash(store: MovableStore) -> None:
    kept, shelved, archived, removed, damaged = (settled(store) for _ in range(5))
    store.shelve(shelved)
    assert store.put_away(archived, hashlib.sha256(DATA).digest())
    store.remove(removed)
    store.quarantine(damaged, bytes(32))
    asked = [kept, shelved, archived, removed, damaged, new_name()]
    assert store.present(asked) == {kept, shelved, archived}
    assert store.present([new_name()]) == store.present([]) == set()
    assert [store.is_shelved(name) for name in (kept, shelved)] == [False, True]


def test_names_far_from_each_other_are_found_among_many(
    tmp_path: Path, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("image_service.storage.s3.bucket._LISTED_IN_VAIN", 3)
    stores = S3Stores(tmp_path, s3_server)
    ids = [make_image_id(NOON_MS + number, os.urandom(24)) for number in range(12)]
    for image_id in ids:
        stores.bucket.put(f"{image_id}.jpg", b"x")
    names = [f"{image_id}.jpg" for image_id in ids]
    store = stores.start().adapter
    assert store.present([names[0], names[-1], new_name("png")]) == {names[0], names[-1]}
    assert store.present(names) == set(names)
    assert store.present(names[3:5]) == set(names[3:5])


def test_under_way_is_what_anybody_stores_or_removes(store: MovableStore, stores: Any) -> None:
    process = stores.start()
    storing, removing, kept = new_name(), settled(process.adapter), settled(store)
    process.adapter.put(storing, DATA)
    assert process.adapter.doubt(removing)
    assert store.under_way() == {storing, removing}
    process.adapter.settle(storing)
    process.adapter.remove(removing)
    assert store.under_way() == set()
    process.adapter.doubt(kept)
    process.kill()
    assert store.under_way() == {kept}
    store.sweep(knowing(kept))
    assert store.under_way() == set()


def test_what_is_dropped_is_gone_and_what_is_in_quarantine_stays(store: MovableStore) -> None:
    kept, shelved, archived, damaged = (settled(store) for _ in range(4))
    store.shelve(shelved)
    assert store.put_away(archived, hashlib.sha256(DATA).digest())
    store.quarantine(damaged, bytes(32))
    for name in (kept, shelved, archived, damaged, new_name()):
        store.drop(name)
        assert content(store, name) is None
    assert store.present([kept, shelved, archived]) == set()
    assert list(store.names()) == []
    assert store.is_quarantined(damaged)


def test_nothing_is_left_in_a_bucket_of_what_was_dropped(
    tmp_path: Path, s3_server: S3Server
) -> None:
    stores = S3Stores(tmp_path, s3_server)
    store = stores.start().adapter
    store.put(name := new_name(), DATA, b"l" * 2000)
    store.settle(name)
    store.shelve(name)
    store.drop(name)
    assert list(stores.bucket.listed()) == []


def test_doubt_tells_whether_there_is_anything_to_settle(store: MovableStore) -> None:
    name = settled(store)
    assert store.doubt(name)
    store.settle(name)
    missing = new_name()
    if store.doubt(missing):
        store.settle(missing)
    else:
        with pytest.raises(StorageUnavailable):
            store.settle(missing)
    assert content(store, name) == DATA


def test_what_is_brought_here_while_it_is_removed_does_not_stay(
    store: MovableStore, stores: Any
) -> None:
    """By another process: its catalogue entry was there when that began."""
    other = stores.start().adapter
    other.put(name := new_name(), DATA, is_known=True)
    store.remove(name)
    try:
        other.settle(name)
    except StorageUnavailable:
        other.abandon(name)
    assert content(store, name) is None
    assert list(store.names()) == []


class _Killed(BaseException):
    """Raised where a process is thought to end."""


@pytest.fixture
def dies(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Has the next sync not come: all that was written is a part."""

    def die(fd: int) -> None:
        os.ftruncate(fd, 10)
        raise _Killed

    return lambda: monkeypatch.setattr(os, "fsync", die)


def test_a_part_of_what_the_catalogue_knows_is_never_taken_for_it(
    tmp_path: Path, dies: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    stores = LocalStores(tmp_path)
    process, name = stores.start(), new_name()
    dies()
    with pytest.raises(_Killed):
        process.adapter.put(name, DATA, is_known=True)
    monkeypatch.undo()
    process.kill()
    survivor = stores.start().adapter
    assert survivor.sweep(knowing(name)) == 0
    assert content(survivor, name) is None
    assert not list((stores.root / ".tmp").iterdir())


def test_what_the_catalogue_knows_is_whole_once_it_has_its_name(tmp_path: Path) -> None:
    stores = LocalStores(tmp_path)
    process, name = stores.start(), new_name()
    process.adapter.put(name, DATA, b"label", is_known=True)
    process.kill()
    survivor = stores.start().adapter
    assert survivor.sweep(knowing(name)) == 0
    assert content(survivor, name) == DATA
    assert survivor.label(name) in (b"label", b"")
