"""What every BlobStore does."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from typing import Any

import pytest

from image_service.domain.image import parse_image_ref
from image_service.domain.ports import BlobStore
from image_service.errors import InvalidImageId, StorageUnavailable
from tests.contracts.adapters import Process, new_name

DATA = bytes(range(256)) * 500
LARGE = DATA * 20


def knowing(*names: str) -> Callable[[Collection[str]], set[str]]:
    """A catalogue that has the images of these blobs."""
    ids = {parse_image_ref(name).id for name in names}
    return lambda asked: ids & set(asked)


def content(store: BlobStore, name: str) -> bytes | None:
    try:
        with store.open(name) as file:
            return file.read()
    except FileNotFoundError:
        return None


def settled(store: BlobStore, data: bytes = DATA) -> str:
    name = new_name()
    store.put(name, data)
    store.settle(name)
    return name


def test_put_answers_the_sha256_of_what_it_stored(store: BlobStore) -> None:
    assert store.put(new_name(), DATA) == hashlib.sha256(DATA).digest()


@pytest.mark.parametrize("data", [b"x", DATA, bytes(3_000_000)], ids=len)
def test_bytes_come_back_as_they_went_in(store: BlobStore, data: bytes) -> None:
    assert content(store, settled(store, data)) == data


def test_a_blob_can_be_read_before_it_is_settled_and_while_it_is_in_doubt(
    store: BlobStore, stores: Any
) -> None:
    other = stores.start().adapter
    name = new_name()
    store.put(name, DATA)
    assert content(store, name) == content(other, name) == DATA
    store.settle(name)
    store.doubt(name)
    assert content(store, name) == content(other, name) == DATA


@pytest.mark.parametrize("data", [DATA, LARGE], ids=["small", "large"])
def test_an_open_blob_is_seekable_and_stays_readable_when_removed(
    store: BlobStore, stores: Any, data: bytes
) -> None:
    name = settled(store, data)
    other = stores.start().adapter
    with store.open(name) as file, other.open(name) as of_another_process:
        store.remove(name)
        assert not store.is_settled(name)
        assert list(store.names()) == []
        file.seek(-10, 2)
        assert file.read() == data[-10:]
        file.seek(5)
        assert file.read(3) == data[5:8]
        store.sweep(knowing())
        assert of_another_process.read() == data
    store.sweep(knowing())
    assert content(store, name) is None


def test_opening_what_is_not_there_raises_file_not_found(store: BlobStore) -> None:
    with pytest.raises(FileNotFoundError):
        store.open(new_name())


def test_removed_means_gone_settled_or_not(store: BlobStore) -> None:
    first, second, third = settled(store), new_name(), settled(store)
    store.put(second, DATA)
    store.doubt(third)
    for name in (first, second, third):
        store.remove(name)
        assert content(store, name) is None
    assert store.sweep(knowing()) == 0


def test_removing_or_doubting_what_is_not_there_is_no_error(store: BlobStore) -> None:
    store.remove(new_name())
    name = new_name()
    store.doubt(name)
    store.remove(name)


def test_a_provisional_blob_is_not_overwritten(store: BlobStore) -> None:
    name = new_name()
    store.put(name, DATA)
    with pytest.raises(StorageUnavailable):
        store.put(name, b"other")
    assert content(store, name) == DATA


def test_settling_what_is_not_provisional_is_an_error(store: BlobStore) -> None:
    with pytest.raises(StorageUnavailable):
        store.settle(new_name())


def test_a_sweep_leaves_what_is_settled_and_what_is_under_way(store: BlobStore) -> None:
    kept, under_way = settled(store), new_name()
    store.put(under_way, DATA)
    assert store.sweep(knowing()) == 0, "settled blobs are never asked about"
    assert content(store, kept) == content(store, under_way) == DATA
    store.settle(under_way)
    assert content(store, under_way) == DATA


def test_an_abandoned_blob_goes_with_the_next_sweep(store: BlobStore) -> None:
    name = new_name()
    store.put(name, DATA)
    store.abandon(name)
    assert content(store, name) == DATA
    assert store.sweep(knowing()) == 1
    assert content(store, name) is None
    assert store.sweep(knowing()) == 0


def test_an_abandoned_blob_that_the_catalogue_knows_is_settled_by_the_next_sweep(
    store: BlobStore,
) -> None:
    names = [settled(store), new_name()]
    store.put(names[1], DATA)
    store.doubt(names[0])
    for name in names:
        store.abandon(name)
    assert store.sweep(knowing(*names)) == 0
    assert store.sweep(knowing()) == 0
    assert all(content(store, name) == DATA for name in names)


def test_what_a_dead_process_left_goes_unless_the_catalogue_knows_it(
    stores: Any, process: Process
) -> None:
    unknown, known, doubted, settled_name = new_name(), new_name(), None, settled(process.adapter)
    process.adapter.put(unknown, DATA)
    process.adapter.put(known, DATA)
    doubted = settled(process.adapter)
    process.adapter.doubt(doubted)
    process.kill()

    survivor = stores.start().adapter
    assert survivor.sweep(knowing(known, doubted)) == 1
    assert content(survivor, unknown) is None
    for name in (known, doubted, settled_name):
        assert content(survivor, name) == DATA
    assert survivor.sweep(knowing()) == 0, "they are settled now"


def test_a_living_process_keeps_what_it_is_storing_whoever_sweeps(
    stores: Any, process: Process
) -> None:
    name, doubted = new_name(), settled(process.adapter)
    process.adapter.put(name, DATA)
    process.adapter.doubt(doubted)
    assert stores.start().adapter.sweep(knowing()) == 0
    process.adapter.settle(name)
    process.adapter.settle(doubted)
    assert content(process.adapter, name) == content(process.adapter, doubted) == DATA


def test_two_processes_sweeping_after_a_third_count_each_blob_once(stores: Any) -> None:
    dead, one, two = (stores.start() for _ in range(3))
    for _ in range(5):
        dead.adapter.put(new_name(), DATA)
    dead.kill()
    assert one.adapter.sweep(knowing()) + two.adapter.sweep(knowing()) == 5


def test_the_catalogue_is_not_asked_when_nothing_is_left_over(store: BlobStore) -> None:
    settled(store)

    def known(ids: Collection[str]) -> set[str]:
        raise AssertionError(ids)

    assert store.sweep(known) == 0


def test_a_sweep_that_the_catalogue_fails_removes_nothing(stores: Any, process: Process) -> None:
    name = new_name()
    process.adapter.put(name, DATA)
    process.kill()
    survivor = stores.start().adapter

    def known(ids: Collection[str]) -> set[str]:
        raise StorageUnavailable("x")

    with pytest.raises(StorageUnavailable):
        survivor.sweep(known)
    assert content(survivor, name) == DATA
    assert survivor.sweep(knowing(name)) == 0
    assert content(survivor, name) == DATA


def test_check_passes_and_leaves_nothing(store: BlobStore) -> None:
    store.check()
    assert store.sweep(knowing()) == 0


def test_there_is_room(store: BlobStore) -> None:
    assert store.free_bytes() > 1_000_000


HOSTILE = [
    "",
    ".",
    "..",
    "../x.jpg",
    "/etc/passwd",
    "img_1700000000000_abc",
    "img_1700000000000_abc.jpg/..",
    "../img_1700000000000_abc.jpg",
    "img_1700000000000_abc.jpg\0",
    "img_1700000000000_abc.jpg\n",
    "img_1700000000000_a~b.jpg",
    "IMG_1700000000000_abc.jpg",
    "img_1700000000000_äöü.jpg",
    "img_١٧٠٠٠٠٠٠٠٠٠٠٠_abc.jpg",
    ".state/catalogue.sqlite3",
    "x" * 5000,
]


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: ascii(name[:30]))
def test_a_name_that_is_no_blobs_is_refused_everywhere(store: BlobStore, name: str) -> None:
    calls: list[Callable[[], object]] = [
        lambda: store.put(name, DATA),
        lambda: store.open(name),
        lambda: store.doubt(name),
        lambda: store.remove(name),
    ]
    for call in calls:
        with pytest.raises(InvalidImageId):
            call()


def test_a_blob_can_be_given_another_label(store: BlobStore) -> None:
    store.put(name := new_name(), b"data", b"old")
    is_kept = store.label(name) == b"old"  # not every file system keeps any
    for place in (lambda: None, lambda: store.settle(name), lambda: store.shelve(name)):
        place()
        store.relabel(name, b"new")
        assert store.label(name) == (b"new" if is_kept else b"")
        store.relabel(name, b"old")
    with store.open(name) as file:
        assert file.read() == b"data"
    store.relabel(new_name(), b"of nothing")
