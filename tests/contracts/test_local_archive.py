"""A local store's archive on disk: where bytes are, and what happens when it is not there."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from image_service.errors import StorageFull, StorageUnavailable
from image_service.storage import LeaseBook, LocalStore
from image_service.storage import archive as archive_module
from image_service.storage import local as local_module
from tests.contracts.adapters import LocalStores
from tests.contracts.test_blob_store import DATA, content, knowing, settled

SHA = hashlib.sha256(DATA).digest()


class Place:
    """Processes on a local store with an archive."""

    def __init__(self, folder: Path) -> None:
        self.stores = LocalStores(folder)
        self.root, self.archive = self.stores.root, self.stores.archive
        self.store: LocalStore = self.stores.start().adapter

    def archived(self) -> str:
        name = settled(self.store)
        assert self.store.put_away(name, SHA)
        return name

    @property
    def cold(self) -> list[Path]:
        return list(self.archive.rglob("img_*"))

    @property
    def under_way(self) -> list[str]:
        return os.listdir(self.root / ".tmp")

    def unmount(self) -> None:
        self.archive.rename(self.archive.with_name("elsewhere"))
        self.archive.mkdir()

    def mount(self) -> None:
        self.archive.rmdir()
        self.archive.with_name("elsewhere").rename(self.archive)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_bytes_are_in_one_place_at_a_time(place: Place) -> None:
    name = place.archived()
    (cold,) = place.cold
    assert cold.read_bytes() == DATA
    assert (place.root / name).is_symlink()
    assert place.under_way == []
    place.store.bring_back(name, SHA)
    assert place.cold == []
    assert not (place.root / name).is_symlink()
    assert (place.root / name).read_bytes() == DATA
    place.store.put_away(name, SHA)
    place.store.doubt(name)
    place.store.remove(name)
    assert place.cold == place.under_way == []


def test_it_may_be_mounted_elsewhere(place: Place, tmp_path: Path) -> None:
    name = place.archived()
    place.archive.rename(elsewhere := tmp_path / "new place")
    leases = LeaseBook(place.stores.leases)
    store = LocalStore(place.root, leases, leases.acquire(), archive=elsewhere)
    assert content(store, name) == DATA
    store.bring_back(name, SHA)
    assert (place.root / name).read_bytes() == DATA
    assert not list(elsewhere.rglob("img_*"))


def test_what_is_not_mounted_is_unavailable_not_missing(place: Place) -> None:
    name, doomed = place.archived(), place.archived()
    place.unmount()
    with pytest.raises(StorageUnavailable, match="archive is not there"):
        content(place.store, name)
    with pytest.raises(StorageUnavailable):
        place.store.bring_back(name, SHA)
    with pytest.raises(StorageUnavailable, match="mount it"):
        place.store.put_away(settled(place.store), SHA)
    assert {name, doomed} <= set(place.store.names())
    place.store.doubt(doomed)
    with pytest.raises(StorageUnavailable):
        place.store.remove(doomed)
    place.store.abandon(doomed)
    assert place.store.sweep(knowing()) == 0, "its bytes wait for the archive"
    place.mount()
    assert place.store.sweep(knowing()) == 1
    assert content(place.store, name) == DATA
    assert len(place.cold) == 1


def test_a_missing_file_in_an_archive_that_is_there_is_missing(place: Place) -> None:
    name = place.archived()
    place.cold[0].unlink()
    with pytest.raises(FileNotFoundError):
        place.store.open(name)


def test_the_archive_of_another_store_is_refused(place: Place, tmp_path: Path) -> None:
    place.archived()
    (tmp_path / "other").mkdir()
    other = Place(tmp_path / "other")
    shutil.rmtree(place.archive)
    other.archived()
    other.archive.rename(place.archive)
    assert place.store.tidy_archive() == 0
    assert len(place.cold) == 1, "what is another store's stays"
    with pytest.raises(StorageUnavailable, match="another store"):
        place.store.put_away(settled(place.store), SHA)


def test_without_the_setting_a_link_is_followed_where_it_leads(place: Place) -> None:
    name, doomed, other = (place.archived() for _ in range(3))
    leases = LeaseBook(place.stores.leases)
    store = LocalStore(place.root, leases, leases.acquire())
    assert content(store, name) == DATA
    store.bring_back(other, SHA)
    assert not store.is_archived(other)
    with pytest.raises(StorageUnavailable, match="archive_dir is not set"):
        store.put_away(other, SHA)
    store.doubt(doomed)
    store.remove(doomed)
    assert len(place.cold) == 1
    shutil.rmtree(place.archive)
    with pytest.raises(StorageUnavailable, match="archive_dir"):
        store.open(name)


@pytest.mark.parametrize("call", ["symlink", "fsync", "rename", "write"])
def test_a_disk_that_fails_leaves_it_where_it_was(
    place: Place, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    name, other = settled(place.store), place.archived()

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(errno.EIO, "Input/output error")

    def fail_copy(*_: Any) -> bytes:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        if call == "write":
            patched.setattr(archive_module, "_copied", fail_copy)
        else:
            target = {"symlink": "symlink_to", "rename": "rename"}.get(call)
            patched.setattr(Path, target, fail) if target else patched.setattr(os, "fsync", fail)
        error = StorageFull if call == "write" else StorageUnavailable
        with pytest.raises(error):
            place.store.put_away(name, SHA)
        with pytest.raises(error):
            place.store.bring_back(other, SHA)
    assert content(place.store, name) == content(place.store, other) == DATA
    place.store.sweep(knowing(name, other))
    assert place.store.is_settled(name)
    assert not place.store.is_archived(name)
    assert place.store.is_archived(other)
    assert len(place.cold) == 1
    assert place.under_way == []


def test_it_is_not_brought_back_where_there_is_no_room(place: Place) -> None:
    name = place.archived()
    leases = LeaseBook(place.stores.leases)
    store = LocalStore(
        place.root, leases, leases.acquire(), archive=place.archive, min_free_bytes=2**60
    )
    with pytest.raises(StorageFull):
        store.bring_back(name, SHA)
    assert content(store, name) == DATA


def test_one_that_is_deleted_on_its_way_is_not_put_anywhere(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    going, coming = settled(place.store), place.archived()
    other: LocalStore = place.stores.start().adapter
    copied = archive_module._copied

    def copied_and_deleted(source: Path, target: Path, took: Any) -> bytes:
        digest = copied(source, target, took)
        for name in (going, coming):
            other.doubt(name)
            other.remove(name)
        return digest

    monkeypatch.setattr(archive_module, "_copied", copied_and_deleted)
    assert place.store.put_away(going, SHA) is None
    place.store.bring_back(coming, SHA)
    assert list(place.store.names()) == place.cold == place.under_way == []


def test_one_that_this_process_deletes_while_it_comes_back_leaves_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = place.archived()
    rename = Path.rename

    def renamed_and_deleted(self: Path, target: Any) -> Path:
        done = rename(self, target)
        if ".warm-" in self.name:
            monkeypatch.setattr(Path, "rename", rename)
            place.store.remove(name)
        return done

    monkeypatch.setattr(Path, "rename", renamed_and_deleted)
    with pytest.raises(StorageUnavailable):
        place.store.bring_back(name, SHA)
    assert list(place.store.names()) == place.cold == place.under_way == []


def test_an_interruption_at_any_moment_loses_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    for late in ("hidden", "mark", "final"):
        name = settled(place.store)
        rename = Path.rename
        left = {"hidden": 1, "mark": 2, "final": 3}[late]

        def interrupted(self: Path, target: Any) -> Path:
            nonlocal left
            done = rename(self, target)  # noqa: B023
            left -= 1
            if left == 0:
                raise KeyboardInterrupt
            return done

        with monkeypatch.context() as patched:
            patched.setattr(Path, "rename", interrupted)
            with pytest.raises(KeyboardInterrupt):
                place.store.put_away(name, SHA)
        place.store.sweep(knowing(name))
        assert content(place.store, name) == DATA, late
        assert place.store.is_settled(name)


def test_two_archivers_leave_one_copy(place: Place) -> None:
    name = settled(place.store)
    other: LocalStore = place.stores.start().adapter
    told: list[bool | None] = []
    first = place.store.put_away(name, SHA, lambda _: told.append(other.put_away(name, SHA)))
    assert (first, told) == (None, [True])
    assert len(place.cold) == 1
    assert content(place.store, name) == DATA


def test_what_no_link_leads_to_is_tidied_up(place: Place) -> None:
    kept, shelved, hidden, gone = (place.archived() for _ in range(4))
    place.store.shelve(shelved)
    place.store.doubt(hidden)
    (place.root / gone).unlink()
    (place.archive / "ab").mkdir(exist_ok=True)
    (place.archive / "ab" / "notes.txt").write_text("mine")
    assert len(place.cold) == 4
    assert place.store.tidy_archive() == 1
    assert place.store.tidy_archive() == 0
    for name in (kept, shelved, hidden):
        assert content(place.store, name) == DATA
    assert (place.archive / "ab" / "notes.txt").exists()


def failing_with(number: int) -> Mock:
    return Mock(side_effect=OSError(number, os.strerror(number)))


def test_what_an_archive_cannot_read_is_not_put_into_quarantine(place: Place) -> None:
    """Its disk may be lost as a whole; a plain file's is seen to be there before."""
    name = place.archived()
    (cold,) = place.cold
    cold.unlink()
    cold.symlink_to("/proc/self/mem")  # which opens, and cannot be read
    with pytest.raises(StorageUnavailable):
        place.store.quarantine(name, SHA)
    cold.unlink()
    assert not place.store.quarantine(name, SHA), "it is missing"
    place.unmount()
    with pytest.raises(StorageUnavailable, match="mount it"):
        place.store.quarantine(name, SHA)
    assert not place.store.is_quarantined(name)
    assert place.store.is_archived(name)


@pytest.mark.parametrize("is_shelved", [False, True])
def test_what_is_damaged_in_an_archive_that_is_mounted_elsewhere_is_put_aside(
    place: Place, tmp_path: Path, is_shelved: bool
) -> None:
    name = place.archived()
    if is_shelved:
        place.store.shelve(name)
    place.archive.rename(elsewhere := tmp_path / "new place")
    leases = LeaseBook(place.stores.leases)
    store = LocalStore(place.root, leases, leases.acquire(), archive=elsewhere)
    assert not store.quarantine(name, SHA)
    (cold,) = elsewhere.rglob("img_*")
    cold.write_bytes(b"damaged")
    assert store.quarantine(name, SHA)
    assert store.is_quarantined(name)
    assert content(store, name) is None


def test_what_a_disk_that_is_there_cannot_read_is_put_aside(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = settled(place.store)
    monkeypatch.setattr(local_module, "sha256_of", failing_with(errno.EIO))
    with monkeypatch.context() as away:
        away.setattr(place.store, "check", Mock(side_effect=StorageUnavailable("it is away")))
        with pytest.raises(StorageUnavailable, match="away"):
            place.store.quarantine(name, SHA)
    with monkeypatch.context() as full:
        full.setattr(place.store, "check", Mock(side_effect=StorageFull()))
        assert place.store.quarantine(name, SHA)
    assert place.store.is_quarantined(name)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EACCES, errno.ESTALE])
def test_what_is_wrong_with_something_else_than_the_file_puts_nothing_aside(
    place: Place, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    name = settled(place.store)
    with monkeypatch.context() as patched:
        patched.setattr(local_module, "sha256_of", failing_with(number))
        with pytest.raises(StorageUnavailable):
            place.store.quarantine(name, SHA)
    assert content(place.store, name) == DATA


def test_what_was_restored_meanwhile_is_not_put_aside(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = settled(place.store)
    sha256_of = local_module.sha256_of

    def restored_since(path: Path) -> bytes:
        digest = sha256_of(path)
        new = path.with_name("new")
        new.write_bytes(DATA)
        new.rename(path)
        return digest

    (place.root / name).write_bytes(b"damaged")
    monkeypatch.setattr(local_module, "sha256_of", restored_since)
    assert not place.store.quarantine(name, SHA)
    assert content(place.store, name) == DATA


def test_one_that_is_restored_needs_no_archive(place: Place) -> None:
    name = place.archived()
    (cold,) = place.cold
    cold.unlink()
    cold.mkdir()  # as on a disk that refuses it: no file that can be removed
    place.store.put(name, DATA, is_known=True)
    place.store.settle(name)
    assert place.store.is_at_rest
    assert (place.store.is_archived(name), content(place.store, name)) == (False, DATA)


def test_one_in_quarantine_is_deleted_when_its_archive_is_back(place: Place) -> None:
    name = place.archived()
    place.store.quarantine(name, bytes(32))
    place.unmount()
    assert place.store.is_quarantined(name)
    place.store.doubt(name)
    with pytest.raises(StorageUnavailable):
        place.store.remove(name)
    place.store.abandon(name)
    place.mount()
    assert place.store.sweep(knowing()) == 1
    assert place.cold == place.under_way == []


def test_what_is_stored_anew_takes_the_place_of_a_link_and_its_bytes(place: Place) -> None:
    name = place.archived()
    place.store.put(name, DATA)
    place.store.settle(name)
    assert place.cold == []
    assert not place.store.is_archived(name)
