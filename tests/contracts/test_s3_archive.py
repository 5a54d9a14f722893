"""What a bucket's originals have of an archive, and what machines do that come in between."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from image_service.errors import StorageUnavailable
from image_service.storage.s3 import Bucket, S3Store
from image_service.storage.s3 import archive as s3_archive
from image_service.storage.s3.archive import BucketArchive
from tests.contracts.adapters import S3Stores
from tests.contracts.test_blob_store import DATA, content, settled
from tests.contracts.test_blob_store_archive import SHA, archived
from tests.s3 import S3Server


@pytest.fixture
def stores(tmp_path: Path, s3_server: S3Server) -> S3Stores:
    return S3Stores(tmp_path, s3_server)


@pytest.fixture
def store(stores: S3Stores) -> S3Store:
    return stores.start().adapter


class _Between:
    def __init__(self, bucket: Bucket, request: str, happens: Callable[[], None]) -> None:
        self._bucket, self._request, self._happens = bucket, request, happens

    def __getattr__(self, name: str) -> Any:
        work = getattr(self._bucket, name)
        if name != self._request:
            return work

        def first(*args: Any, **kwargs: Any) -> Any:
            self._request = ""
            self._happens()
            return work(*args, **kwargs)

        return first


def between(bucket: Bucket, request: str, happens: Callable[[], None]) -> Bucket:
    """Return a bucket that has something happen just before the first request of a kind."""
    return cast(Bucket, _Between(bucket, request, happens))


def elsewhere(stores: S3Stores, folder: Path) -> S3Store:
    """Start a process on another machine, which knows what the bucket says alone."""
    stores.folder = folder / "another"
    return stores.start().adapter


def empty(bucket: Bucket) -> None:
    bucket.remove([each.key for each in bucket.listed()])


def test_without_an_archive_it_is_said_what_to_set(s3_server: S3Server, tmp_path: Path) -> None:
    stores = S3Stores(tmp_path, s3_server)
    full = stores.start().adapter
    name = settled(full)
    assert full.put_away(name, SHA)
    stores.archive = None  # type: ignore[assignment]
    store = stores.start().adapter
    with pytest.raises(StorageUnavailable, match="s3_archive is not set"):
        store.open(name)
    with pytest.raises(StorageUnavailable, match="s3_archive is not set"):
        store.put_away(settled(store), SHA)


def test_what_is_damaged_after_it_was_brought_back_is_had_from_the_archive(
    store: S3Store, stores: S3Stores, tmp_path: Path
) -> None:
    name = archived(store)
    store.bring_back(name, SHA)
    stores.bucket.put(name, b"damaged")
    assert content(store, name) == b"damaged"
    store.quarantine(name, SHA)
    stores.folder = tmp_path / "another"
    for each in (store, stores.start().adapter):
        assert content(each, name) == DATA
        assert (each.is_archived(name), each.is_quarantined(name)) == (True, False)
        assert each.is_settled(name)
        assert list(each.names()) == [name]
    for each in stores.archive.listed():
        stores.archive.put(each.key, b"damaged, too")
    assert store.quarantine(name, SHA)
    assert store.is_quarantined(name)
    assert content(store, name) is None


def test_whichever_is_sound_in_the_archive_is_the_original(
    store: S3Store, stores: S3Stores, tmp_path: Path
) -> None:
    name = archived(store)
    store.bring_back(name, SHA)
    (sound,) = (each.key for each in stores.archive.listed())
    assert store.put_away(name, SHA)
    (damaged,) = {each.key for each in stores.archive.listed()} - {sound}
    stores.archive.put(damaged, b"damaged")
    reader = stores.start().adapter
    assert [content(each, name) for each in (store, reader)] == [b"damaged", b"damaged"]
    assert not store.quarantine(name, SHA), "it is mended"
    stores.folder = tmp_path / "another"
    # The old one may be tidied away by somebody at this moment.
    stores.archive.remove([sound])
    for each in (store, reader, stores.start().adapter):
        assert content(each, name) == DATA
        assert (each.is_archived(name), each.is_quarantined(name)) == (True, False)


def test_who_brings_back_late_leaves_the_mark_of_what_was_put_away_since(
    stores: S3Stores, tmp_path: Path
) -> None:
    store = stores.start().adapter
    name = archived(store)
    stores.folder = tmp_path / "another"

    def put_away_anew() -> None:
        other = stores.start().adapter
        other.bring_back(name, SHA)
        assert other.put_away(name, SHA)

    late = BucketArchive(between(stores.bucket, "put_new", put_away_anew), stores.archive)
    with pytest.raises(StorageUnavailable, match="anew"):
        late.bring_back(name, SHA)
    assert stores.start().adapter.is_archived(name)
    assert content(store, name) == DATA


def test_where_a_mark_leads_nowhere_what_is_there_is_found(
    stores: S3Stores, tmp_path: Path
) -> None:
    store = stores.start().adapter
    name = archived(store)
    (put_away,) = stores.archive.listed()
    stores.archive.put_new(f"{name}/0123456789abcdef", DATA, SHA, {"label": "y"})
    stores.archive.remove([put_away.key])
    other = elsewhere(stores, tmp_path)
    assert content(other, name) == DATA
    other.bring_back(name, SHA)
    assert (other.is_archived(name), content(other, name)) == (False, DATA)
    assert [each.key for each in stores.bucket.listed(".archived/")] == []


def test_what_somebody_else_put_into_the_archive_stays(
    store: S3Store, stores: S3Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_archive, "_OLD", dt.timedelta())
    name = settled(store)
    stores.archive.put(f"{name}/notes.txt", b"mine")
    assert store.tidy_archive() == 0
    store.remove(name)
    assert [each.key for each in stores.archive.listed()] == [f"{name}/notes.txt"]


def test_what_is_marked_is_removed_though_no_listing_has_it(
    stores: S3Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = stores.start().adapter
    name = archived(store)
    with monkeypatch.context() as stale:
        stale.setattr(Bucket, "listed", lambda *_: iter(()))
        store.remove(name)
    assert list(stores.archive.listed()) == []


def test_what_was_brought_back_leaves_the_archive_in_time(
    store: S3Store, stores: S3Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, lost = settled(store), settled(store)
    for each in (name, lost):
        assert store.put_away(each, SHA)
        store.bring_back(each, SHA)
    stores.bucket.remove([lost])  # by another process, which had just put it away
    assert content(store, lost) == DATA
    assert store.tidy_archive() == 0
    monkeypatch.setattr(s3_archive, "_OLD", dt.timedelta())
    assert store.tidy_archive() == 1
    assert [each.key.partition("/")[0] for each in stores.archive.listed()] == [lost]
    assert content(store, lost) == DATA


def test_who_tidies_late_takes_nothing_that_was_put_away_since(
    stores: S3Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_archive, "_OLD", dt.timedelta())
    store = stores.start().adapter
    name = archived(store)
    store.bring_back(name, SHA)

    def put_away_elsewhere() -> None:
        assert stores.start().adapter.put_away(name, SHA)

    late = BucketArchive(stores.bucket, between(stores.archive, "remove", put_away_elsewhere))
    assert late.tidy() == 1
    assert content(store, name) == DATA
    assert BucketArchive(stores.bucket, stores.archive).tidy() == 0
    assert content(store, name) == DATA


def test_who_puts_away_late_takes_nothing_that_was_brought_back_since(
    stores: S3Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_archive, "_OLD", dt.timedelta())
    store = stores.start().adapter
    name = settled(store)

    def bring_back_elsewhere() -> None:
        other = stores.start().adapter
        other.bring_back(name, SHA)
        assert other.tidy_archive() == 1

    late = BucketArchive(between(stores.bucket, "remove", bring_back_elsewhere), stores.archive)
    assert late.put_away(name, SHA, lambda _: None) is None
    assert content(store, name) == DATA
    assert not stores.start().adapter.is_archived(name)


def test_what_was_tidied_away_before_it_was_marked_stays_where_it_is(stores: S3Stores) -> None:
    store = stores.start().adapter
    name = settled(store)
    away = between(stores.archive, "has", lambda: empty(stores.archive))
    with pytest.raises(StorageUnavailable, match="too long"):
        BucketArchive(stores.bucket, away).put_away(name, SHA, lambda _: None)
    assert content(store, name) == DATA
    assert not stores.start().adapter.is_archived(name)


def test_what_was_put_away_before_keys_were_of_each_time_is_found(stores: S3Stores) -> None:
    store = stores.start().adapter
    name, gone = settled(store), settled(store)
    for each in (name, gone):
        stores.archive.put_new(each, DATA, SHA, stores.bucket.find(each).notes)
        stores.bucket.put(f".archived/{each}", b"1767268800000")
        stores.bucket.remove([each])
    other = stores.start().adapter
    assert [other.is_archived(each) for each in (name, gone)] == [True, True]
    assert [content(other, each) for each in (name, gone)] == [DATA, DATA]
    other.bring_back(name, SHA)
    other.remove(gone)
    assert [stores.bucket.has(each) for each in (name, gone)] == [True, False]
    assert [each.key for each in stores.archive.listed()] == [name]


def test_who_reads_what_is_put_away_anew_goes_on(stores: S3Stores) -> None:
    store = stores.start().adapter
    name = archived(store)
    assert content(store, name) == DATA
    store.bring_back(name, SHA)
    empty(stores.archive)
    assert stores.start().adapter.put_away(name, SHA)
    assert content(store, name) == DATA


def test_of_two_that_put_away_at_once_one_has_moved_it(stores: S3Stores) -> None:
    store = stores.start().adapter
    name = settled(store)

    def put_away_elsewhere() -> None:
        other = BucketArchive(stores.bucket, stores.archive)
        assert other.put_away(name, SHA, lambda _: None)

    late = BucketArchive(between(stores.bucket, "remove", put_away_elsewhere), stores.archive)
    assert late.put_away(name, SHA, lambda _: None) is None
    assert not stores.bucket.has(name)
    assert content(store, name) == DATA


@pytest.mark.parametrize("request_", ["read", "find"])
def test_who_brings_back_what_is_tidied_away_meanwhile_has_it(
    stores: S3Stores, tmp_path: Path, request_: str
) -> None:
    store = stores.start().adapter
    name = archived(store)

    def bring_back_elsewhere() -> None:
        store.bring_back(name, SHA)
        empty(stores.archive)

    late = BucketArchive(stores.bucket, between(stores.archive, request_, bring_back_elsewhere))
    assert late.bring_back(name, SHA)
    other = elsewhere(stores, tmp_path)
    assert (other.is_archived(name), content(other, name)) == (False, DATA)


def test_who_brings_back_what_is_just_being_put_away_leaves_its_mark(
    stores: S3Stores, tmp_path: Path
) -> None:
    store = stores.start().adapter
    name = archived(store)
    goes = between(stores.bucket, "remove", lambda: stores.bucket.remove([name]))
    with pytest.raises(StorageUnavailable, match="just being put away"):
        BucketArchive(goes, stores.archive).bring_back(name, SHA)
    other = elsewhere(stores, tmp_path)
    assert (other.is_archived(name), content(other, name)) == (True, DATA)


def test_a_mark_that_leads_nowhere_goes_where_the_original_is_there(
    stores: S3Stores, tmp_path: Path
) -> None:
    store = stores.start().adapter
    name = settled(store)
    stores.bucket.put(f".archived/{name}", b"1767268800000")
    other = elsewhere(stores, tmp_path)
    assert other.is_archived(name)
    other.bring_back(name, SHA)
    assert list(stores.bucket.listed(".archived/")) == []
    assert (other.is_archived(name), content(other, name)) == (False, DATA)


def test_who_has_read_an_older_one_that_is_damaged_since_reads_the_newer(
    store: S3Store, stores: S3Stores
) -> None:
    name = archived(store)
    assert content(store, name) == DATA
    (old,) = (each.key for each in stores.archive.listed())
    other = BucketArchive(stores.bucket, stores.archive)
    assert other.bring_back(name, SHA)
    assert other.put_away(name, SHA, lambda _: None)
    stores.archive.put(old, b"damaged")
    assert content(store, name) == b"damaged"
    assert not store.quarantine(name, SHA)
    assert content(store, name) == DATA


def test_what_was_restored_meanwhile_is_not_put_into_quarantine(
    store: S3Store, stores: S3Stores
) -> None:
    name = settled(store)
    stores.bucket.put(name, b"damaged")
    restored = between(stores.bucket, "copy", lambda: stores.bucket.put(name, DATA))
    store._bucket = restored
    assert not store.quarantine(name, SHA)
    assert not store.is_quarantined(name)
    assert content(store, name) == DATA
