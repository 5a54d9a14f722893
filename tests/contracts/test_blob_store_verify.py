"""What every BlobStore has for verification: names, and a place for what is damaged."""

from __future__ import annotations

import hashlib

import pytest

from image_service.domain.image import Blob
from image_service.domain.listing import parse_list_query
from image_service.domain.ports import BlobStore, Catalogue
from tests.contracts.adapters import new_image, new_name
from tests.contracts.test_blob_store import DATA, content, knowing, settled


def test_names_are_of_what_has_a_place(store: BlobStore) -> None:
    kept, shelved, damaged = (settled(store) for _ in range(3))
    store.shelve(shelved)
    store.quarantine(damaged, bytes(32))
    store.put(new_name(), DATA)
    assert sorted(store.names()) == sorted([kept, shelved])


@pytest.mark.parametrize("is_shelved", [False, True])
def test_what_is_in_quarantine_is_not_opened(store: BlobStore, is_shelved: bool) -> None:
    name = settled(store)
    if is_shelved:
        store.shelve(name)
    assert not store.is_quarantined(name)
    assert store.quarantine(name, bytes(32))
    assert store.is_quarantined(name)
    assert not store.is_settled(name)
    assert content(store, name) is None
    store.sweep(knowing(name))
    assert store.is_quarantined(name)
    store.remove(name)
    assert not store.is_quarantined(name)


@pytest.mark.parametrize("is_shelved", [False, True])
def test_what_is_sound_is_not_put_into_quarantine(store: BlobStore, is_shelved: bool) -> None:
    name = settled(store)
    if is_shelved:
        store.shelve(name)
    assert not store.quarantine(name, hashlib.sha256(DATA).digest())
    assert not store.is_quarantined(name)
    assert content(store, name) == DATA


def test_quarantine_of_what_is_not_there_is_no_error(store: BlobStore) -> None:
    assert not store.quarantine(name := new_name(), bytes(32))
    assert not store.is_quarantined(name)


def test_a_catalogue_is_walked_in_the_order_of_ids(catalogue: Catalogue) -> None:
    images = sorted((catalogue.add(new_image()) for _ in range(5)), key=lambda image: image.id)
    catalogue.trash(images[1].id, 5)
    walked: list[str] = []
    while batch := catalogue.walk(walked[-1] if walked else "", 2):
        assert len(batch) <= 2
        walked += [image.id for image in batch]
    assert walked == [image.id for image in images]
    assert catalogue.walk("", 2) == [
        Blob.of(images[0]), Blob.of(images[1])._replace(is_trashed=True),
    ]  # fmt: skip
    assert catalogue.trashed_names() == {images[1].blob_name}


def test_block_digests_come_back_and_are_not_listed(catalogue: Catalogue) -> None:
    image = catalogue.add(new_image(block_digests=bytes(range(32))))
    assert catalogue.get(image.id).block_digests == bytes(range(32))
    assert catalogue.page(parse_list_query()).images[0].block_digests == b""
    old = catalogue.add(new_image())
    assert {blob.id: blob.has_digests for blob in catalogue.walk("", 9)} == {
        image.id: True, old.id: False,
    }  # fmt: skip
    catalogue.set_block_digests(old.id, b"1" * 16)
    assert catalogue.get(old.id).block_digests == b"1" * 16
    assert all(blob.has_digests for blob in catalogue.walk("", 9))
