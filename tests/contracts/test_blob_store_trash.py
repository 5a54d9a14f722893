"""What every BlobStore does with blobs whose images are in the trash."""

from __future__ import annotations

from typing import Any

from image_service.domain.ports import BlobStore
from tests.contracts.adapters import Process, new_name
from tests.contracts.test_blob_store import DATA, content, knowing, settled


def test_what_is_shelved_has_no_final_place_but_can_be_read_and_put_back(store: BlobStore) -> None:
    name = settled(store)
    store.shelve(name)
    assert not store.is_settled(name)
    assert content(store, name) == DATA
    store.unshelve(name)
    assert store.is_settled(name)
    assert content(store, name) == DATA


def test_shelving_twice_or_what_is_not_there_is_no_error(store: BlobStore) -> None:
    name = settled(store)
    for _ in range(2):
        store.shelve(name)
    store.unshelve(name)
    store.unshelve(name)
    assert content(store, name) == DATA
    store.shelve(new_name())
    store.unshelve(new_name())


def test_what_is_shelved_can_be_removed_for_good(store: BlobStore, stores: Any) -> None:
    first, second = settled(store), settled(store)
    for name in (first, second):
        store.shelve(name)
    store.remove(first)
    store.doubt(second)
    store.remove(second)
    assert content(store, first) is None
    assert content(stores.start().adapter, second) is None


def test_a_sweep_leaves_the_trash_as_it_is(store: BlobStore) -> None:
    name = settled(store)
    store.shelve(name)
    assert store.sweep(knowing(name), knowing(name)) == 0
    assert not store.is_settled(name)
    assert content(store, name) == DATA


def test_a_blob_whose_image_lives_is_put_back(store: BlobStore) -> None:
    name = settled(store)
    store.shelve(name)
    store.arrange([], knowing(name))
    assert store.is_settled(name)


def test_a_blob_whose_image_is_in_the_trash_is_shelved(store: BlobStore) -> None:
    name, gone = settled(store), new_name()
    store.arrange([name, gone], knowing())
    assert not store.is_settled(name)
    assert content(store, name) == DATA
    store.arrange([name], knowing())
    assert content(store, name) == DATA


def test_what_changes_while_it_is_arranged_ends_where_it_belongs(store: BlobStore) -> None:
    restored, trashed = settled(store), settled(store)
    store.arrange([restored], knowing(restored))  # the list was made before
    assert store.is_settled(restored)
    store.shelve(trashed)
    answers = iter([True, False])
    store.arrange([], lambda ids: set(ids) if next(answers) else set())
    assert not store.is_settled(trashed)


def test_what_no_catalogue_knows_stays_in_the_trash(store: BlobStore) -> None:
    name = settled(store)
    store.shelve(name)
    store.arrange([], knowing())
    assert content(store, name) == DATA, "the catalogue may have been lost"


def test_a_removal_from_the_trash_that_was_killed_leaves_the_blob_in_the_trash(
    process: Process, stores: Any
) -> None:
    name = settled(process.adapter)
    process.adapter.shelve(name)
    process.adapter.doubt(name)
    process.kill()
    survivor = stores.start().adapter
    assert survivor.sweep(knowing(name), knowing(name)) == 0
    assert not survivor.is_settled(name)
    assert content(survivor, name) == DATA
