"""Originals on their way into a folder of backups."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from image_service.backup_bucket import BucketObjects
from image_service.backup_objects import Objects
from image_service.domain.image import Blob
from image_service.testing import MemoryStore
from image_service.verify import Pace

SIZE_BYTES = 100


def stored(store: MemoryStore, count: int) -> Iterator[Blob]:
    for number in range(count):
        data = number.to_bytes(4, "big") * (SIZE_BYTES // 4)
        image_id = f"img_1767268800000_{number:020}"
        name = f"{image_id}.png"
        store.put(name, data)
        store.settle(name)
        yield Blob(image_id, name, SIZE_BYTES, hashlib.sha256(data).digest(), is_trashed=False)


def test_who_stops_a_slow_backup_waits_for_one_original_a_thread(tmp_path: Path) -> None:
    store, objects = MemoryStore(), Objects(tmp_path)
    images = list(stored(store, 64))
    objects.begin()
    kept = objects.keep(iter(images), store, Pace(40 * SIZE_BYTES))
    next(kept)
    kept.close()
    assert len(list(objects.names())) <= 36


def test_what_is_there_is_not_copied_again(tmp_path: Path) -> None:
    store, objects = MemoryStore(), Objects(tmp_path)
    images = list(stored(store, 3))
    objects.begin()
    assert list(objects.keep(iter(images[:2]), store, Pace())) == [
        (image, "", True) for image in images[:2]
    ]
    objects = Objects(tmp_path)
    objects.begin()
    told = list(objects.keep(iter(images), store, Pace()))
    assert told == [(images[0], "", False), (images[1], "", False), (images[2], "", True)]
    assert sorted(objects.names()) == sorted(image.sha256.hex() for image in images)


def test_strangers_are_not_taken_for_originals(tmp_path: Path) -> None:
    objects = Objects(tmp_path)
    objects.begin()
    (tmp_path / "ab").mkdir()
    (tmp_path / "ab" / ".DS_Store").touch()
    assert list(objects.names()) == []


class OneByOne(Objects):
    _in_a_row = 1


def test_one_by_one_each_is_told_of_as_soon_as_it_is_there(tmp_path: Path) -> None:
    assert BucketObjects._in_a_row == 1
    store, objects = MemoryStore(), OneByOne(tmp_path)
    images = list(stored(store, 9))
    objects.begin()
    kept = objects.keep(iter(images), store, Pace(40 * SIZE_BYTES))
    next(kept)
    assert len(list(objects.names())) < 6
    kept.close()
