"""Originals that were put away, as readers meet them: on fakes."""

from __future__ import annotations

from typing import Any

import pytest

from image_service.archive import Archive, Moves
from image_service.domain.listing import ListQuery
from image_service.errors import ImageNotFound, StorageFull
from tests.unit.faults import PICTURE, World

FOREVER_MS = 10**15


@pytest.fixture
def world() -> World:
    return World()


def archived(world: World) -> Any:
    image = world.manager.add(PICTURE, "a.png", tags=["t"])
    assert world.store.put_away(image.blob_name, image.sha256)
    return image


def read(world: World, image: Any) -> bytes:
    with world.manager.open(image.id)[1] as file:
        return file.read()


def test_reading_brings_back(world: World) -> None:
    image = archived(world)
    assert read(world, image) == PICTURE
    assert not world.store.is_archived(image.blob_name)


def test_where_there_is_no_room_it_is_read_where_it_is(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise StorageFull

    image = archived(world)
    monkeypatch.setattr(world.store, "bring_back", fail)
    assert read(world, image) == PICTURE
    assert world.store.is_archived(image.blob_name)


def test_what_was_deleted_on_its_way_back_is_gone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = archived(world)
    bring_back = world.store.bring_back

    def late(name: str, sha256: bytes) -> None:
        bring_back(name, sha256)
        world.records.images.pop(image.id, None)

    monkeypatch.setattr(world.store, "bring_back", late)
    with pytest.raises(ImageNotFound):
        world.manager.open_blob(image)
    assert image.blob_name not in world.disk.blobs


def test_what_went_into_the_trash_on_its_way_is_shelved(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = world.manager.add(PICTURE, "a.png")
    put_away = world.store.put_away

    def late(*args: Any) -> Any:
        world.catalogue.trash(image.id, 5)
        return put_away(*args)

    monkeypatch.setattr(world.store, "put_away", late)
    done = Moves()
    archive = Archive(world.store, world.catalogue)
    assert list(archive.put_away_all(ListQuery(), FOREVER_MS, lambda _: None, done)) == [image]
    assert done.images == 1
    assert image.blob_name in world.disk.trash


def test_what_went_into_the_trash_before_it_was_brought_back_is_not_called_damaged(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = world.manager.add(PICTURE, "a.png")
    archive = Archive(world.store, world.catalogue)
    list(archive.put_away_all(ListQuery(), FOREVER_MS, lambda _: None, Moves()))
    bring_back = world.store.bring_back

    def late(*args: Any) -> None:
        world.catalogue.trash(image.id, 5)
        world.store.shelve(image.blob_name)
        bring_back(*args)

    monkeypatch.setattr(world.store, "bring_back", late)
    done = Moves()
    assert list(archive.bring_back_all(ListQuery(), done)) == [image]
    assert (done.images, done.wrong) == (0, [])


def test_all_pages_are_walked_and_each_is_moved_once(world: World) -> None:
    images = [world.manager.add(PICTURE, "a.png", tags=["t"]) for _ in range(5)]
    archive, wanted = Archive(world.store, world.catalogue), ListQuery(limit=2, tag="t")
    for moved in (5, 0):
        done, copied = Moves(), []
        seen = list(archive.put_away_all(wanted, FOREVER_MS, copied.append, done))
        assert {image.id for image in seen} == {image.id for image in images}
        assert (done.images, done.bytes, sum(copied)) == (moved, *[moved * len(PICTURE)] * 2)
    done = Moves()
    assert len(list(archive.put_away_all(wanted, 1, lambda _: None, done))) == 5
    assert len(list(archive.bring_back_all(wanted, done))) == 5
    assert done.images == 5
    assert not any(world.store.is_archived(image.blob_name) for image in images)
