"""What every BlobStore does with blobs that are put away."""

from __future__ import annotations

import hashlib
import threading
import time
from typing import Any

import pytest

from image_service.domain.ports import BlobStore
from image_service.errors import InvalidImageId
from tests.contracts.adapters import new_name
from tests.contracts.test_blob_store import DATA, LARGE, content, knowing, settled

SHA = hashlib.sha256(DATA).digest()


def archived(store: BlobStore) -> str:
    name = settled(store)
    assert store.put_away(name, SHA)
    return name


def test_what_is_put_away_is_read_as_before_and_comes_back(store: BlobStore, stores: Any) -> None:
    name = settled(store)
    other = stores.start().adapter
    assert not store.is_archived(name)
    copied: list[int] = []
    assert store.put_away(name, SHA, copied.append) is True
    assert sum(copied) == len(DATA)
    assert store.is_archived(name)
    assert other.is_archived(name)
    assert content(store, name) == content(other, name) == DATA
    assert list(store.names()) == [name]
    store.bring_back(name, SHA)
    assert not store.is_archived(name)
    assert content(store, name) == DATA
    assert store.is_settled(name)


def test_who_is_reading_it_notices_nothing(store: BlobStore) -> None:
    sha = hashlib.sha256(LARGE).digest()
    name = settled(store, LARGE)
    with store.open(name) as file:
        assert store.put_away(name, sha)
        assert file.read() == LARGE
    with store.open(name) as file:
        store.bring_back(name, sha)
        assert file.read() == LARGE
    assert not store.is_archived(name)


def test_its_label_goes_with_it(store: BlobStore) -> None:
    store.put(name := new_name(), DATA, b"label")
    store.settle(name)
    before = store.label(name)
    assert store.put_away(name, SHA)
    assert store.label(name) == before
    store.bring_back(name, SHA)
    assert store.label(name) == before


def test_what_is_archived_can_be_given_another_label(store: BlobStore) -> None:
    store.put(name := new_name(), DATA, b"old")
    store.settle(name)
    is_kept = store.label(name) == b"old"
    store.put_away(name, SHA)
    store.relabel(name, b"new")
    assert store.label(name) == (b"new" if is_kept else b"")
    store.bring_back(name, SHA)
    assert store.label(name) == (b"new" if is_kept else b"")


def test_what_is_not_what_it_must_be_stays(store: BlobStore) -> None:
    name = settled(store)
    assert store.put_away(name, bytes(32)) is False
    assert not store.is_archived(name)
    assert store.put_away(name, SHA)
    store.bring_back(name, bytes(32))
    assert store.is_archived(name)
    assert content(store, name) == DATA


def test_what_is_not_there_or_was_put_away_is_told(store: BlobStore) -> None:
    assert store.put_away(new_name(), SHA) is None
    assert store.put_away(archived(store), SHA) is None
    store.shelve(shelved := settled(store))
    assert store.put_away(shelved, SHA) is None
    store.bring_back(new_name(), SHA)
    store.bring_back(settled(store), SHA)


@pytest.mark.parametrize("name", ["../a.jpg", "img_1700000000000_a", "", ".tmp"])
def test_no_name_leads_elsewhere(store: BlobStore, name: str) -> None:
    for work in (store.put_away, store.bring_back):
        with pytest.raises(InvalidImageId):
            work(name, SHA)


def test_it_is_removed_with_its_bytes(store: BlobStore) -> None:
    for name in (archived(store), archived(store)):
        store.doubt(name)
        assert content(store, name) == DATA
        store.remove(name)
        assert content(store, name) is None
        assert not store.is_archived(name)
    assert list(store.names()) == []


def test_a_deletion_that_failed_leaves_it_where_it_was(store: BlobStore) -> None:
    name = archived(store)
    store.doubt(name)
    store.settle(name)
    assert store.is_archived(name)
    assert content(store, name) == DATA


def test_it_goes_into_the_trash_and_back(store: BlobStore) -> None:
    name = archived(store)
    store.shelve(name)
    assert not store.is_settled(name)
    assert store.is_archived(name)
    assert content(store, name) == DATA
    assert list(store.names()) == [name]
    store.unshelve(name)
    assert store.is_archived(name)
    assert content(store, name) == DATA
    store.shelve(name)
    store.remove(name)
    assert list(store.names()) == []


def test_what_is_sound_there_is_not_put_into_quarantine(store: BlobStore) -> None:
    name = archived(store)
    store.quarantine(name, SHA)
    assert not store.is_quarantined(name)
    assert (content(store, name), store.is_archived(name)) == (DATA, True)


def test_it_can_be_put_into_quarantine(store: BlobStore) -> None:
    name = archived(store)
    assert store.quarantine(name, bytes(32))
    assert store.is_quarantined(name)
    assert content(store, name) is None
    store.remove(name)
    assert not store.is_quarantined(name)


def test_what_a_process_that_died_was_removing_goes_or_stays_as_the_catalogue_says(
    stores: Any,
) -> None:
    process = stores.start()
    going, staying = archived(process.adapter), archived(process.adapter)
    process.adapter.doubt(going)
    process.adapter.doubt(staying)
    process.kill()
    store = stores.start().adapter
    assert store.sweep(knowing(staying)) == 1
    assert content(store, going) is None
    assert content(store, staying) == DATA
    assert store.is_archived(staying)
    assert list(store.names()) == [staying]


def test_when_it_arrived_is_known(store: BlobStore) -> None:
    assert store.arrived_ms(new_name()) == 0
    before_ms = time.time_ns() // 1_000_000 - 1000
    name = archived(store)
    first_ms = store.arrived_ms(name)
    assert before_ms <= first_ms <= time.time_ns() // 1_000_000
    time.sleep(0.02)
    store.bring_back(name, SHA)
    assert store.arrived_ms(name) > first_ms


def test_nobody_waits_for_another_one_that_is_brought_back(
    store: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page of old pictures would take every thread there is."""
    inner = getattr(store, "_archive", None)
    if inner is None:
        return  # it does not take long where there is no other place
    one, other = archived(store), archived(store)
    bring_back, is_begun, may_go_on = inner.bring_back, threading.Event(), threading.Event()

    def slowly(name: str, *args: Any) -> Any:
        is_begun.set()
        assert may_go_on.wait(20)
        return bring_back(name, *args)

    monkeypatch.setattr(inner, "bring_back", slowly)
    thread = threading.Thread(target=store.bring_back, args=(one, SHA))
    thread.start()
    assert is_begun.wait(20)
    store.bring_back(other, SHA)
    assert content(store, other) == content(store, one) == DATA
    may_go_on.set()
    thread.join(20)
    assert [store.is_archived(name) for name in (one, other)] == [False, True]
    store.bring_back(other, SHA)
    assert not store.is_archived(other)
