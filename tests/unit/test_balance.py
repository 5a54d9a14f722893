"""Connections go to the first process, until it has more to do than it can."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from image_service.places import ALONE, Place
from image_service.web import balance
from image_service.web.balance import Balance, Load

IDLE, PRESSED = Load(0, is_pressed=False), Load(0, is_pressed=True)
PAUSE_S = balance._PAUSE_S


def waiting(count: int) -> Load:
    return Load(count, is_pressed=False)


@pytest.fixture(autouse=True)
def cores(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("image_service.places.core_count", lambda: 3)
    return 3


def beside(folder: Path, *loads: Load) -> list[Balance]:
    """As many processes as loads, each of which has told its own."""
    found = [
        Balance(Place(number, len(loads), folder=str(folder)), lambda load=load: load)
        for number, load in enumerate(loads)
    ]
    for each in found:
        each.tell()
    return found


def pauses(folder: Path, *loads: Load) -> list[int]:
    return [round(each.pause_s() / PAUSE_S) for each in beside(folder, *loads)]


@pytest.mark.parametrize(
    ("loads", "wanted"),
    [
        ([IDLE, IDLE, IDLE], [0, 1, 2]),
        ([PRESSED, IDLE, IDLE], [2, 0, 1]),
        ([waiting(1), IDLE, IDLE], [2, 0, 1]),
        ([waiting(3), waiting(2), waiting(2)], [2, 0, 0]),
        ([PRESSED, PRESSED, PRESSED], [0, 0, 0]),
        ([PRESSED, waiting(9), IDLE], [2, 1, 0]),
        ([PRESSED, PRESSED, PRESSED, IDLE, IDLE], [0, 0, 0, 3, 3]),
    ],
)
def test_the_first_that_has_not_enough_to_do_takes_connections_at_once(
    tmp_path: Path, loads: list[Load], wanted: list[int]
) -> None:
    assert pauses(tmp_path, *loads) == wanted


def gives(folder: Path, *loads: Load, needed_worker: bool = True) -> bool:
    return beside(folder, *loads)[0].gives_away(1, needed_worker=needed_worker)


def test_only_who_has_too_much_gives_away_and_only_to_one_that_has_not(tmp_path: Path) -> None:
    assert not gives(tmp_path, IDLE, IDLE)
    assert gives(tmp_path, PRESSED, IDLE)
    assert gives(tmp_path, PRESSED, waiting(5))
    assert not gives(tmp_path, PRESSED, PRESSED)
    assert gives(tmp_path, waiting(1), IDLE)
    assert gives(tmp_path, waiting(2), waiting(1))
    assert not gives(tmp_path, waiting(2), IDLE, needed_worker=False)
    assert gives(tmp_path, PRESSED, IDLE, needed_worker=False)
    assert not gives(tmp_path, waiting(2), waiting(2))
    assert not gives(tmp_path, waiting(9), PRESSED)
    assert not gives(tmp_path, PRESSED, PRESSED, PRESSED, IDLE), "a spare one is no help"


def test_a_spare_one_gives_all_back_in_time(tmp_path: Path) -> None:
    spare = beside(tmp_path, IDLE, IDLE, IDLE, IDLE)[-1]
    assert spare.gives_away(1, needed_worker=True)
    spare = beside(tmp_path, PRESSED, PRESSED, PRESSED, IDLE)[-1]
    assert not spare.gives_away(1, needed_worker=True)


@pytest.mark.parametrize(
    ("load", "connections", "pause_s"),
    [(PRESSED, 4, 0.25), (PRESSED, 80, 0.025), (waiting(9), 80, 0.02)],
)
def test_it_waits_for_what_that_changes(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    load: Load,
    connections: int,
    pause_s: float,
) -> None:
    now_s = [1000.0]
    monkeypatch.setattr(balance, "time", SimpleNamespace(monotonic=lambda: now_s[0]))
    first = beside(tmp_path, load, IDLE)[0]
    assert first.gives_away(connections, needed_worker=True)
    now_s[0] += pause_s - 0.001
    assert not first.gives_away(connections, needed_worker=True)
    now_s[0] += 0.002
    assert first.gives_away(connections, needed_worker=True)


def test_one_that_leaves_says_nothing_in_its_successors_place(tmp_path: Path) -> None:
    old, second = beside(tmp_path, PRESSED, IDLE)
    beside(tmp_path, IDLE, IDLE)
    old.leave()
    old.tell()
    assert second.pause_s() == PAUSE_S
    assert (old.pause_s(), old.gives_away(1, needed_worker=True)) == (0.0, False)


def test_a_process_alone_keeps_all(tmp_path: Path) -> None:
    alone = Balance(ALONE, lambda: PRESSED)
    assert (alone.pause_s(), alone.gives_away(8, needed_worker=True)) == (0.0, False)
    assert list(tmp_path.iterdir()) == []


def test_what_has_become_less_is_told_as_an_answer_ends(tmp_path: Path) -> None:
    loads = [waiting(2), IDLE]
    first, second = (
        Balance(Place(number, 2, folder=str(tmp_path)), lambda number=number: loads[number])
        for number in range(2)
    )
    for each in (first, second):
        each.tell()
    assert second.pause_s() == 0, "the first is full"
    loads[0] = IDLE
    first.tell_less()
    assert second.pause_s() == PAUSE_S


def test_answers_that_needed_no_worker_are_not_worth_a_look_each(tmp_path: Path) -> None:
    looks = []

    def load() -> Load:
        looks.append(1)
        return IDLE

    first = Balance(Place(0, 2, folder=str(tmp_path)), load)
    for _ in range(20):
        first.gives_away(1, needed_worker=False)
        first.tell_less()
    assert 1 <= len(looks) < 10
    del looks[:]
    for _ in range(3):
        first.gives_away(1, needed_worker=True)
    assert len(looks) == 3
