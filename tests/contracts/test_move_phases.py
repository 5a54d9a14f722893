"""How far a move of originals is, as several processes see it."""

from __future__ import annotations

from pathlib import Path

import pytest

from image_service.errors import StorageUnavailable
from image_service.settings_s3 import LOCAL
from image_service.storage import LeaseBook
from image_service.storage.move import Move, Phase, note_of

BUCKET, OTHER = "s3://b/x", "s3://b/y"


def move(folder: Path, *places: str) -> Move:
    return Move(folder, places, LeaseBook(folder / "leases"))


def phase(written: set[str], whole: set[str]) -> Phase:
    return Phase(frozenset(written), frozenset(whole))


def test_it_goes_from_the_old_place_over_both_to_the_new_one(tmp_path: Path) -> None:
    one, other = move(tmp_path, BUCKET, LOCAL), move(tmp_path, BUCKET, LOCAL)
    assert other.phase == phase({LOCAL}, {LOCAL}), "others know nothing else yet"
    one.begin()
    assert other.phase == phase({LOCAL, BUCKET}, {LOCAL})
    one.arrive()
    assert other.phase == phase({LOCAL, BUCKET}, {LOCAL, BUCKET})
    one.leave()
    assert other.phase == phase({BUCKET}, {BUCKET})
    one.begin()
    assert other.phase == phase({BUCKET}, {BUCKET}), "what was given up is not written again"


def test_without_a_move_one_place_is_enough_and_nothing_is_noted(tmp_path: Path) -> None:
    for place in (LOCAL, BUCKET):
        move(tmp_path, place).check()
    assert not list(tmp_path.iterdir())


def test_who_takes_the_old_place_out_before_anything_was_copied_is_refused(tmp_path: Path) -> None:
    move(tmp_path, BUCKET, LOCAL).check()
    with pytest.raises(StorageUnavailable, match="set originals_also"):
        move(tmp_path, BUCKET).check()
    move(tmp_path, LOCAL).check()


def test_nobody_goes_on_where_not_everything_is(tmp_path: Path) -> None:
    pair = move(tmp_path, BUCKET, LOCAL)
    pair.begin()
    with pytest.raises(StorageUnavailable, match=r"not all originals are in s3://b/x yet.*local"):
        move(tmp_path, BUCKET).check()
    pair.arrive()
    move(tmp_path, BUCKET).check()
    assert pair.phase == phase({BUCKET}, {BUCKET}), "what it stores the other place lacks"
    for places in ((LOCAL,), (OTHER, LOCAL)):
        with pytest.raises(StorageUnavailable, match="not all originals"):
            move(tmp_path, *places).check()
    move(tmp_path, OTHER, BUCKET).check()
    assert move(tmp_path, OTHER, BUCKET).phase == phase({BUCKET}, {BUCKET})


def test_a_move_that_is_regretted_goes_back(tmp_path: Path) -> None:
    pair = move(tmp_path, BUCKET, LOCAL)
    pair.begin()
    move(tmp_path, LOCAL).check()
    assert pair.phase == phase({LOCAL}, {LOCAL})
    with pytest.raises(StorageUnavailable, match="without originals_also"):
        pair.arrive()
    back = move(tmp_path, LOCAL, BUCKET)
    back.check()
    assert back.phase == phase({LOCAL}, {LOCAL})


def test_the_way_back_from_the_middle_goes_on_with_both(tmp_path: Path) -> None:
    move(tmp_path, BUCKET, LOCAL).begin()
    back = move(tmp_path, LOCAL, BUCKET)
    back.check()
    assert back.phase == phase({LOCAL, BUCKET}, {LOCAL})
    back.arrive()
    back.leave()
    assert back.phase == phase({LOCAL}, {LOCAL})


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    pair = move(tmp_path, BUCKET, LOCAL)
    for text in ("", "[]", "{}", "\0"):
        (tmp_path / "move.json").write_text(text)
        with pytest.raises(StorageUnavailable, match="cannot be read"):
            pair.phase  # noqa: B018


def test_processes_that_know_other_places_are_strangers(tmp_path: Path) -> None:
    leases = LeaseBook(tmp_path / "leases")
    pair = move(tmp_path, BUCKET, LOCAL)
    ours = [leases.acquire(note_of(each)) for each in ((BUCKET, LOCAL), (LOCAL, BUCKET))]
    assert not pair.has_strangers()
    for note in (note_of((LOCAL,)), ""):
        stranger = leases.acquire(note)
        assert pair.has_strangers()
        stranger.release()
    assert not pair.has_strangers()
    assert len(leases.notes()) == len(ours)
