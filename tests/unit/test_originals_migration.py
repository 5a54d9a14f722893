"""The move of originals, on fakes: what happens to them meanwhile, and what is wrong with them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from image_service.domain.image import Blob, Changes, Image
from image_service.domain.label import Label
from image_service.errors import StorageFull, StorageUnavailable
from image_service.migration import Migration, Moved
from image_service.storage import LeaseBook
from image_service.storage.move import Move, note_of
from image_service.storage.pair import PairStore
from image_service.testing import MemoryCatalogue, MemoryDisk, MemoryStore
from tests.contracts.adapters import new_image

PLACES = ("s3://b/x", "local")


@dataclass
class World:
    """Two places, of which the second has everything, and a catalogue."""

    folder: Path

    def __post_init__(self) -> None:
        self.main, self.second = MemoryStore(MemoryDisk()), MemoryStore(MemoryDisk())
        self.leases = LeaseBook(self.folder / "leases")
        self.move = Move(self.folder, PLACES, self.leases)
        self.pair = PairStore(self.main, self.second, self.move)
        self.catalogue = MemoryCatalogue()
        self.migration = Migration(self.pair, self.catalogue)

    def add(self, data: bytes = b"", **fields: Any) -> Image:
        """Add an image as uploads do."""
        made = new_image(**fields)
        data = data or made.id.encode()
        image = new_image(
            id=made.id, sha256=hashlib.sha256(data).digest(), size_bytes=len(data), **fields
        )
        self.pair.put(image.blob_name, data, label(image))
        self.catalogue.add(image)
        self.pair.settle(image.blob_name)
        return image

    def remove(self, image: Image) -> None:
        self.pair.doubt(image.blob_name)
        self.catalogue.remove(image.id)
        self.pair.remove(image.blob_name)

    def copied(self) -> Moved:
        return done(self.migration.copy)

    def removed(self) -> Moved:
        return done(self.migration.remove_old)

    def contents(self, store: MemoryStore) -> dict[str, bytes]:
        return {**store.disk.blobs, **store.disk.trash}


def done(step: Callable[[Moved], Iterable[Blob]]) -> Moved:
    moved = Moved()
    moved.walked = len(list(step(moved)))  # type: ignore[attr-defined]
    return moved


def label(image: Image) -> bytes:
    return Label(image.filename, image.tags, image.attributes, image.owner).to_bytes()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_everything_is_copied_once_and_then_removed(world: World) -> None:
    images = [world.add() for _ in range(5)]
    world.catalogue.trash(images[0].id, 1)
    world.pair.shelve(images[0].blob_name)
    before = world.contents(world.second)
    first, again = world.copied(), world.copied()
    assert (first.images, first.seen, first.wrong, first.is_complete) == (5, 5, [], True)
    assert (again.images, again.seen, again.is_complete) == (0, 5, True)
    assert first.bytes == first.seen_bytes == sum(map(len, before.values()))
    assert first.walked == again.walked == 5
    assert world.contents(world.main) == world.contents(world.second) == before
    assert set(world.main.disk.trash) == {images[0].blob_name}
    assert all(world.main.label(image.blob_name) == label(image) for image in images)
    gone = world.removed()
    assert (gone.images, gone.bytes, gone.is_complete) == (5, first.bytes, True)
    assert world.contents(world.main) == before
    assert world.contents(world.second) == {}
    assert world.removed().images == 0
    assert list(world.migration.left()) == []


def test_a_look_counts_and_changes_nothing(world: World) -> None:
    images = [world.add() for _ in range(3)]
    world.main.put(images[0].blob_name, images[0].id.encode())
    world.main.settle(images[0].blob_name)
    seen = done(world.migration.look)
    assert (seen.seen, seen.images) == (3, 2)
    assert len(world.contents(world.main)) == 1
    assert world.move.phase.written == {"local"}


def test_what_is_stored_meanwhile_is_in_both_and_after_the_move_in_the_new_place(
    world: World,
) -> None:
    world.add()
    walk = world.migration.copy(Moved())
    next(walk)
    meanwhile = world.add()
    list(walk)
    assert meanwhile.blob_name in world.main.disk.blobs
    assert meanwhile.blob_name in world.second.disk.blobs
    walk = world.migration.remove_old(Moved())
    next(walk)
    later = world.add()
    assert later.blob_name not in world.contents(world.second)
    list(walk)
    assert world.contents(world.second) == {}
    assert set(world.contents(world.main)) >= {meanwhile.blob_name, later.blob_name}


def test_what_another_machine_stored_in_the_old_place_meanwhile_is_found(world: World) -> None:
    last = world.add(created_ms=1_700_000_000_001)
    walk = world.migration.copy(moved := Moved())
    next(walk)
    data = b"before the last one"
    image = new_image(
        created_ms=1_700_000_000_000, sha256=hashlib.sha256(data).digest(), size_bytes=len(data)
    )
    world.second.put(image.blob_name, data)
    world.second.settle(image.blob_name)
    world.catalogue.add(image)
    list(walk)
    assert (moved.images, moved.is_complete) == (2, True)
    assert set(world.main.disk.blobs) == {image.blob_name, last.blob_name}


def test_what_was_damaged_in_the_new_place_is_copied_again(world: World) -> None:
    image = world.add()
    world.copied()
    world.main.disk.blobs[image.blob_name] = b"x"
    world.pair.quarantine(image.blob_name, image.sha256)
    assert world.copied().images == 1
    assert world.main.disk.blobs[image.blob_name] == image.id.encode()
    assert not world.pair.is_quarantined(image.blob_name)


def when(
    world: World, monkeypatch: pytest.MonkeyPatch, method: str, act: Callable[[], Any]
) -> None:
    """Have something happen just after a method of the new place was called, once."""
    work = getattr(world.main, method)

    def late(*args: Any, **kwargs: Any) -> Any:
        result = work(*args, **kwargs)
        monkeypatch.setattr(world.main, method, work)
        act()
        return result

    monkeypatch.setattr(world.main, method, late)


@pytest.mark.parametrize("moment", ["put", "settle"])
def test_what_is_deleted_while_it_is_copied_is_gone(
    world: World, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    image = world.add()
    when(world, monkeypatch, moment, lambda: world.remove(image))
    assert world.copied().is_complete
    assert world.contents(world.main) == world.contents(world.second) == {}
    assert world.main.under_way() == set()


@pytest.mark.parametrize("moment", ["put", "settle"])
def test_what_is_deleted_in_the_catalogue_alone_is_removed_here(
    world: World, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Whoever deletes it has been here before it came."""
    image = world.add()
    when(world, monkeypatch, moment, lambda: world.catalogue.remove(image.id))
    assert world.copied().is_complete
    assert world.contents(world.main) == {}
    assert world.main.under_way() == set()


@pytest.mark.parametrize("moment", ["put", "settle"])
def test_what_goes_into_the_trash_while_it_is_copied_is_there(
    world: World, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    image = world.add()
    when(world, monkeypatch, moment, lambda: world.catalogue.trash(image.id, 1))
    world.copied()
    assert set(world.main.disk.trash) == {image.blob_name}


def test_what_is_restored_while_it_is_shelved_lives(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = world.add()
    world.catalogue.trash(image.id, 1)
    world.pair.shelve(image.blob_name)
    when(world, monkeypatch, "shelve", lambda: world.catalogue.restore(image.id))
    world.copied()
    assert set(world.main.disk.blobs) == {image.blob_name}


@pytest.mark.parametrize("moment", ["put", "settle"])
def test_what_is_renamed_while_it_is_copied_has_its_new_label(
    world: World, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    image = world.add()
    changes = Changes("new.jpg", ("a",), {})
    when(world, monkeypatch, moment, lambda: world.catalogue.change(image.id, changes))
    world.copied()
    assert world.main.label(image.blob_name) == label(changes.applied_to(image))


def test_a_run_that_ended_between_two_steps_is_put_in_order_by_the_next(world: World) -> None:
    image = world.add()
    world.copied()
    world.catalogue.trash(image.id, 1)
    world.second.shelve(image.blob_name)
    assert world.copied().is_complete
    assert set(world.main.disk.trash) == {image.blob_name}


def test_what_is_wrong_is_named_and_the_rest_is_moved(world: World) -> None:
    images = [world.add() for _ in range(6)]
    damaged, missing, quarantined, unreadable = (image.blob_name for image in images[:4])
    world.second.disk.blobs[damaged] = b"x"
    world.second.drop(missing)
    world.second.quarantine(quarantined, bytes(32))
    look = world.second.open

    def open_(name: str) -> Any:
        if name == unreadable:
            raise StorageUnavailable("Input/output error")
        return look(name)

    world.second.open = open_  # type: ignore[method-assign]
    moved = world.copied()
    assert dict(moved.wrong) == {
        damaged: "damaged",
        missing: "missing",
        quarantined: "in quarantine",
        unreadable: "unreadable (Input/output error)",
    }
    assert (moved.images, moved.is_complete) == (2, False), "the one may be readable again"
    assert world.move.phase.whole == {"local"}
    world.second.open = look  # type: ignore[method-assign]
    again = world.copied()
    assert (again.images, len(again.wrong), again.is_complete) == (1, 3, True)
    gone = world.removed()
    assert dict(gone.wrong) == {damaged: "missing in the new place"}
    assert gone.is_complete
    assert set(world.contents(world.second)) == {damaged}
    assert world.second.is_quarantined(quarantined)


def test_what_is_not_sound_in_the_new_place_stays_in_the_old_one(world: World) -> None:
    damaged, gone, fine = (world.add().blob_name for _ in range(3))
    world.copied()
    world.main.disk.blobs[damaged] = b"x"
    world.main.drop(gone)
    moved = world.removed()
    assert dict(moved.wrong) == {
        damaged: "damaged in the new place",
        gone: "missing in the new place",
    }
    assert set(world.contents(world.second)) == {damaged, gone}
    assert set(world.contents(world.main)) == {damaged, fine}


def test_a_place_that_takes_nothing_ends_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(30):
        world.add()

    def fail(*_: Any, **__: Any) -> bytes:
        raise StorageUnavailable("the object storage cannot be reached")

    monkeypatch.setattr(world.main, "put", fail)
    with pytest.raises(StorageUnavailable, match="cannot be reached"):
        world.copied()


def test_a_full_disk_ends_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.add()

    def fail(*_: Any, **__: Any) -> bytes:
        raise StorageFull

    monkeypatch.setattr(world.main, "put", fail)
    with pytest.raises(StorageFull):
        world.copied()


def test_an_upload_that_began_before_is_waited_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not know that both are to be written, and nobody may leave it behind."""
    world.add()
    image = new_image(sha256=hashlib.sha256(b"late").digest(), size_bytes=4)
    other = PairStore(world.main, MemoryStore(world.second.disk), world.move)
    other.put(image.blob_name, b"late")

    def commit(_: float) -> None:
        world.catalogue.add(image)
        other.settle(image.blob_name)

    monkeypatch.setattr("image_service.migration.time.sleep", commit)
    moved = world.copied()
    assert (moved.images, moved.is_complete) == (2, True)
    assert world.main.disk.blobs[image.blob_name] == b"late"


def test_one_that_does_not_end_is_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("image_service.migration._ENDED_WITHIN_S", 0.0)
    world.second.put(name := new_image().blob_name, b"x")
    moved = world.copied()
    assert (moved.wrong, moved.is_complete) == ([(name, "still under way")], False)
    assert world.move.phase.whole == {"local"}


def test_processes_with_other_settings_are_waited_for_and_refused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = world.leases.acquire(note_of(("local",)))
    monkeypatch.setattr("image_service.migration.time.sleep", lambda _: stranger.release())
    world.leases.acquire(note_of(PLACES))
    assert world.copied().is_complete
    monkeypatch.undo()
    monkeypatch.setattr("image_service.migration._RENEWED_WITHIN_S", 0.0)
    world.leases.acquire(note_of(("local",)))
    with pytest.raises(StorageUnavailable, match="renew them first"):
        world.copied()
    assert world.move.phase.whole == {*PLACES}, "as it was"


def test_what_is_nobodys_is_told(world: World) -> None:
    world.add()
    orphan = new_image().blob_name
    for name in (orphan, "notes.txt"):
        world.second.disk.blobs[name] = b"x"
    world.copied()
    assert world.removed().is_complete
    assert sorted(world.migration.left()) == sorted([(orphan, True), ("notes.txt", False)])
    assert set(world.contents(world.second)) == {orphan, "notes.txt"}
