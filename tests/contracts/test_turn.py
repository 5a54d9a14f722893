"""What every Turn does, and what becomes of one whose process dies."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from image_service.errors import StorageUnavailable
from image_service.storage import FileTurn
from tests.component.harness import wait_until

HOLDER = """
import pathlib, sys, time
from image_service.storage import FileTurn
assert FileTurn(pathlib.Path(sys.argv[1])).take()
print("mine", flush=True)
time.sleep(60)
"""


def test_one_has_it_until_it_lets_go(tmp_path: Path) -> None:
    first, second = (FileTurn(tmp_path / "a.turn") for _ in range(2))
    assert first.take()
    assert first.take()
    assert not second.take()
    second.release()
    assert not second.take()
    first.release()
    assert second.take()
    assert not first.take()
    second.release()


def test_turns_of_other_names_are_others(tmp_path: Path) -> None:
    turns = [FileTurn(tmp_path / name) for name in ("a.turn", "b.turn")]
    assert [turn.take() for turn in turns] == [True, True]
    for turn in turns:
        turn.release()


def test_it_passes_on_from_a_process_that_is_killed(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", HOLDER, str(tmp_path / "a.turn")],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    turn = FileTurn(tmp_path / "a.turn")
    with holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"mine\n"
        assert not turn.take()
        holder.kill()
    wait_until(turn.take)
    turn.release()


def test_a_state_directory_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailable):
        FileTurn(tmp_path / "nowhere" / "a.turn").take()
