"""Verification: what is found, what is mended, and what is left alone."""

from __future__ import annotations

import errno
import io
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from image_service.errors import ImageDamaged, StorageFull, StorageUnavailable
from image_service.scrub import Scrub, ScrubLog
from image_service.verify import Verification, Verifier
from tests.unit.faults import PICTURE, World


class Checked:
    """A world with some images, and its verifier."""

    def __init__(self, images: int = 5, **settings: Any) -> None:
        self.world = World(**settings)
        self.images = [self.world.manager.add(PICTURE, f"{n}.png") for n in range(images)]
        self.images.sort(key=lambda image: image.id)
        self.verifier = Verifier(self.world.store, self.world.catalogue)

    def run(self, *, quick: bool = False) -> Verification:
        done = Verification()
        looked_at = [image.id for image in self.verifier.images(done, quick=quick)]
        assert looked_at == sorted(looked_at)
        self.verifier.files(done)
        return done

    def flip(self, number: int) -> str:
        name = self.images[number].blob_name
        for place in (self.world.disk.blobs, self.world.disk.trash):
            if name in place:
                place[name] = place[name][:-1] + bytes([place[name][-1] ^ 1])
        return name

    def lose(self, number: int) -> str:
        name = self.images[number].blob_name
        del self.world.disk.blobs[name]
        return name


def found(done: Verification) -> set[tuple[str, str]]:
    return {(each.kind, each.name) for each in done.findings}


def test_where_all_is_well_nothing_is_found() -> None:
    checked = Checked(trash_retention_days=1)
    checked.world.manager.remove(checked.images[0].id)
    done = checked.run()
    assert (done.images, done.bytes) == (5, 5 * len(PICTURE))
    assert done.is_clean
    assert found(done) == set()
    assert checked.verifier.repair(done) == []


def test_everything_that_is_wrong_is_found() -> None:
    checked = Checked(trash_retention_days=1)
    checked.world.manager.remove(checked.images[0].id)
    in_trash, damaged, missing = checked.flip(0), checked.flip(1), checked.lose(2)
    orphan = f"{checked.images[0].id}0.png"
    checked.world.disk.blobs[orphan] = b"x"
    checked.world.disk.blobs["notes.txt"] = b"mine"
    done = checked.run()
    assert found(done) == {
        ("damaged", in_trash), ("damaged", damaged), ("missing", missing),
        ("orphaned", orphan), ("foreign", "notes.txt"),
    }  # fmt: skip
    assert done.counts == {"damaged": 2, "missing": 1, "orphaned": 1, "foreign": 1}
    assert not done.is_clean
    assert done.images == 5


def test_a_quick_look_sees_lengths_alone() -> None:
    checked = Checked()
    checked.flip(0)
    assert found(checked.run(quick=True)) == set()
    name = checked.images[1].blob_name
    checked.world.disk.blobs[name] += b"x"
    assert found(checked.run(quick=True)) == {("damaged", name)}


def test_what_somebody_else_put_there_is_not_our_fault() -> None:
    checked = Checked()
    checked.world.disk.blobs["notes.txt"] = b"mine"
    done = checked.run()
    assert (done.is_clean, found(done)) == (True, {("foreign", "notes.txt")})


def test_what_is_damaged_is_kept_and_never_served() -> None:
    checked = Checked()
    name = checked.flip(0)
    done = checked.run()
    assert [each.name for each in checked.verifier.repair(done)] == [name]
    image = checked.images[0]
    assert name in checked.world.disk.damaged
    with pytest.raises(ImageDamaged):
        checked.world.manager.open(image.id)
    assert not checked.world.manager.is_there(image)
    again = checked.run()
    assert found(again) == {("quarantined", name)}
    assert not again.is_clean
    checked.world.manager.remove(image.id)
    assert name not in checked.world.disk.damaged
    assert checked.run().is_clean


def test_what_is_missing_is_dropped() -> None:
    checked = Checked(images=20)
    checked.lose(0)
    checked.verifier.repair(checked.run())
    assert checked.world.ids() == {image.id for image in checked.images[1:]}
    assert checked.run().is_clean


def test_a_store_that_is_not_there_does_not_empty_the_catalogue() -> None:
    checked = Checked(images=30)
    checked.world.disk.blobs.clear()
    done = checked.run()
    assert done.counts == {"missing": 30}
    with pytest.raises(StorageUnavailable, match="mounted"):
        checked.verifier.repair(done)
    assert len(checked.world.ids()) == 30


@pytest.mark.parametrize("images", [2, 10, 30])
def test_a_small_store_that_is_not_there_is_not_emptied_either(images: int) -> None:
    checked = Checked(images=images)
    checked.world.disk.blobs.clear()
    with pytest.raises(StorageUnavailable, match="mounted"):
        checked.verifier.repair(checked.run())
    assert len(checked.world.ids()) == images


def test_what_was_mended_meanwhile_is_left_alone() -> None:
    checked = Checked(images=20)
    name, lost = checked.flip(0), checked.lose(1)
    done = checked.run()
    for mended in (name, lost):
        checked.world.disk.blobs[mended] = PICTURE
    assert checked.verifier.repair(done) == []
    assert checked.world.disk.damaged == {}
    assert len(checked.world.ids()) == 20
    assert checked.run().is_clean


def test_one_that_cannot_be_opened_does_not_keep_the_others_from_being_looked_at() -> None:
    checked = Checked(images=20)
    opened = checked.world.store._adapter.open
    locked, damaged = checked.images[3].blob_name, checked.flip(5)

    def may_open(name: str) -> Any:
        if name == locked:
            raise StorageUnavailable("Permission denied")
        return opened(name)

    checked.world.store._adapter.open = may_open
    done = checked.run()
    assert found(done) == {("unreadable", locked), ("damaged", damaged)}
    assert [each.name for each in checked.verifier.repair(done)] == [damaged]


def test_images_of_before_there_were_digests_get_them() -> None:
    checked = Checked()
    old = checked.images[0]
    checked.world.records.images[old.id] = replace(old, block_digests=b"")
    bad = checked.images[1]
    checked.flip(1)
    checked.world.records.images[bad.id] = replace(bad, block_digests=b"")
    checked.run()
    assert checked.world.records.images[old.id].block_digests == old.block_digests != b""
    assert checked.world.records.images[bad.id].block_digests == b""


def test_what_is_deleted_meanwhile_is_no_finding() -> None:
    checked = Checked()
    looked = checked.verifier.images(done := Verification())
    next(looked)
    for image in checked.images[1:]:
        checked.world.manager.remove(image.id)
    assert len(list(looked)) == 4
    assert done.is_clean


@pytest.fixture
def log(tmp_path: Path) -> ScrubLog:
    return ScrubLog(tmp_path)


class CannotBeRead(io.BytesIO):
    """A file that opens, and whose disk does not read it."""

    def read(self, size: int | None = -1) -> bytes:
        raise OSError(errno.EIO, "Input/output error")


def test_what_a_disk_cannot_read_is_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    checked = Checked(images=1)
    monkeypatch.setattr(checked.world.store._adapter, "open", lambda name: CannotBeRead())
    assert checked.run().counts == {"damaged": 1}


def test_what_a_disk_cannot_read_that_is_full_is_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    checked = Checked(images=1)
    monkeypatch.setattr(checked.world.store._adapter, "open", lambda name: CannotBeRead())
    monkeypatch.setattr(checked.world.store._adapter, "check", Mock(side_effect=StorageFull()))
    assert checked.run().counts == {"damaged": 1}


@pytest.mark.parametrize("what", ["the disk", "the archive"])
def test_a_disk_that_is_lost_puts_nothing_into_quarantine(
    monkeypatch: pytest.MonkeyPatch, log: ScrubLog, what: str
) -> None:
    """Its names may be known for a while, so that all of them open, and none can be read."""
    checked = Checked(images=3)
    adapter = checked.world.store._adapter
    monkeypatch.setattr(adapter, "open", lambda name: CannotBeRead())
    if what == "the disk":
        monkeypatch.setattr(adapter, "check", Mock(side_effect=StorageUnavailable("it is away")))
    else:
        checked.world.disk.archived.update(image.blob_name for image in checked.images)
    done = checked.run()
    assert done.counts == {"unreadable": 3}
    assert checked.verifier.repair(done) == []
    Scrub(checked.verifier, log, bytes_at_once=10**9).step()
    assert checked.world.disk.damaged == {}


@pytest.mark.parametrize("number", [errno.ESTALE, errno.ENOMEM])
def test_what_is_wrong_with_something_else_is_no_damage(
    monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    checked = Checked(images=1)
    read = Mock(side_effect=OSError(number, os.strerror(number)))
    monkeypatch.setattr(CannotBeRead, "read", read)
    monkeypatch.setattr(checked.world.store._adapter, "open", lambda name: CannotBeRead())
    assert checked.run().counts == {"unreadable": 1}


def test_a_place_that_is_away_keeps_nothing_from_being_repaired(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    checked = Checked(images=4)
    first, second, third, lost = *(checked.flip(number) for number in range(3)), checked.lose(3)
    adapter = checked.world.store._adapter
    quarantine = adapter.quarantine

    def first_is_away(name: str, sha256: bytes) -> bool:
        if name == first:
            raise StorageUnavailable("it is away")
        return name != second and quarantine(name, sha256)

    monkeypatch.setattr(adapter, "quarantine", first_is_away)
    done = checked.run()
    assert [each.name for each in checked.verifier.repair(done)] == [third, lost]


def test_what_is_deleted_while_it_is_put_aside_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    checked = Checked()
    name = checked.flip(0)
    adapter = checked.world.store._adapter
    quarantine = adapter.quarantine

    def deleted_meanwhile(name: str, sha256: bytes) -> bool:
        checked.world.catalogue.remove(checked.images[0].id)
        return quarantine(name, sha256)

    monkeypatch.setattr(adapter, "quarantine", deleted_meanwhile)
    checked.verifier.repair(checked.run())
    assert name not in {**checked.world.disk.damaged, **checked.world.disk.blobs}


def test_what_nobody_knows_of_in_an_archive_that_is_away_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    checked = Checked(images=0)
    orphan = "img_1767268800000_0123456789abcdef0123.png"
    checked.world.disk.blobs[orphan] = b"x"
    away = Mock(side_effect=StorageUnavailable("the archive is not there"))
    monkeypatch.setattr(checked.world.store._adapter, "open", away)
    assert found(checked.run()) == {("orphaned", orphan)}


def test_a_scrub_goes_on_where_it_was_and_begins_anew_in_the_end(log: ScrubLog) -> None:
    checked = Checked()
    checked.flip(1)
    lost = checked.lose(3)
    scrub = Scrub(checked.verifier, log, bytes_at_once=2 * len(PICTURE))
    scrub.step()
    assert scrub.last is None
    assert log.read()["round"]["last_id"] == checked.images[1].id
    assert checked.world.store.is_quarantined(checked.images[1].blob_name)
    other = Scrub(checked.verifier, log, bytes_at_once=2 * len(PICTURE))
    other.step()
    other.step()
    last = other.last
    assert last
    assert (last["images"], last["damaged"], last["missing"]) == (5, 1, 1)
    assert last["imageIds"] == [checked.images[1].id, lost.partition(".")[0]]
    assert "round" not in log.read()
    scrub.step()
    assert scrub.last == last
    assert log.read()["round"]["last_id"] == checked.images[1].id


def test_a_file_that_was_mended_is_not_put_away_again(log: ScrubLog) -> None:
    checked = Checked()
    name = checked.flip(0)
    scrub = Scrub(checked.verifier, log, bytes_at_once=len(PICTURE))
    scrub.step()
    assert name in checked.world.disk.damaged
    checked.world.disk.blobs[name] = PICTURE
    del checked.world.disk.damaged[name]
    scrub.step()
    assert name in checked.world.disk.blobs


def test_a_verification_that_ended_meanwhile_is_not_forgotten(log: ScrubLog) -> None:
    checked = Checked()
    scrub = Scrub(checked.verifier, log, bytes_at_once=len(PICTURE))
    walk = checked.world.catalogue._adapter.walk

    def verified_meanwhile(*args: Any) -> Any:
        log.finished(checked_by_hand)
        return walk(*args)

    checked_by_hand = Verification(images=7)
    checked.world.catalogue._adapter.walk = verified_meanwhile
    scrub.step()
    assert log.read()["last"]["images"] == 7


def test_one_process_scrubs_at_a_time(log: ScrubLog) -> None:
    checked = Checked()
    scrub = Scrub(checked.verifier, log, bytes_at_once=1)
    with log.held() as is_ours:
        assert is_ours
        scrub.step()
    assert log.read() == {}
    scrub.step()
    assert log.read()["round"]["images"] == 1


ROUND = {"images": 1, "bytes": 1, "counts": {}, "last_id": ""}


@pytest.mark.parametrize(
    "state",
    [
        "",
        "{",
        "[]",
        json.dumps({"round": {"images": "x", "y": 1}}),
        json.dumps({"round": {**ROUND, "images": "x", "findings": []}}),
        json.dumps({"round": {**ROUND, "findings": [["damaged", "../../x", "y"]]}}),
        json.dumps({"last": 5}),
    ],
)
def test_a_log_that_cannot_be_read_does_no_harm(log: ScrubLog, state: str) -> None:
    log._path.write_text(state)
    checked = Checked()
    scrub = Scrub(checked.verifier, log, bytes_at_once=10**9)
    scrub.step()
    assert scrub.last
    assert scrub.last["images"] >= 5
    assert checked.world.disk.damaged == {}


def test_without_a_rate_nothing_is_scrubbed(log: ScrubLog) -> None:
    scrub = Scrub(Checked().verifier, log, bytes_at_once=0)
    scrub.step()
    assert (scrub.last, log.read()) == (None, {})
