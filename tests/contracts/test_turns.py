"""Turns: what one process does for all that share a store. And folders for as long as one runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from image_service.errors import StorageUnavailable
from image_service.storage.run_folder import RunFolder
from image_service.storage.turns import FileTurns
from scripts.paths import ROOT


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "turns"


def let_pass(path: Path, seconds: float) -> None:
    """Make a turn's last time so many seconds earlier."""
    then_s = path.stat().st_mtime - seconds
    os.utime(path, (then_s, then_s))


def test_one_has_the_turn_and_it_comes_once_in_its_interval(folder: Path) -> None:
    one, other = FileTurns(folder), FileTurns(folder)
    turn = one.take("sweep", every_s=60)
    assert turn
    assert other.take("sweep", every_s=60) is None
    assert other.take("scrub", every_s=60)
    turn.end()
    assert other.take("sweep", every_s=60) is None
    assert one.take("sweep", every_s=60) is None
    let_pass(folder / "sweep", 59)  # timers are not exact
    assert other.take("sweep", every_s=60)


def test_while_one_is_at_it_nobody_else_begins_however_long_it_takes(folder: Path) -> None:
    turn = FileTurns(folder).take("sweep", every_s=60)
    assert turn
    let_pass(folder / "sweep", 1000)
    assert FileTurns(folder).take("sweep", every_s=60) is None
    turn.end()
    turn.end()
    assert FileTurns(folder).take("sweep", every_s=60)


def test_a_clock_that_was_put_back_stops_nothing(folder: Path) -> None:
    turn = FileTurns(folder).take("sweep", every_s=60)
    assert turn
    turn.end()
    let_pass(folder / "sweep", -86_400)
    assert FileTurns(folder).take("sweep", every_s=60)


def test_a_dead_process_has_no_turn(folder: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path;"
        "from image_service.storage.turns import FileTurns;"
        "turn = FileTurns(Path(sys.argv[1])).take('sweep', every_s=60); assert turn;"
        "os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(folder)], cwd=ROOT, check=False)
    let_pass(folder / "sweep", 60)
    assert FileTurns(folder).take("sweep", every_s=60)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageUnavailable):
        FileTurns(tmp_path / "file" / "turns").take("sweep", every_s=60)


def test_a_run_folder_goes_with_its_process_at_the_latest_when_the_next_begins(
    tmp_path: Path,
) -> None:
    living, dead = RunFolder(tmp_path), RunFolder(tmp_path)
    (dead.path / "left").write_text("")
    os.close(dead._fd)  # as the kernel does for a process that is killed
    following = RunFolder(tmp_path)
    assert set(tmp_path.iterdir()) == {living.path, following.path}
    following.remove()
    living.remove()
    assert not list(tmp_path.iterdir())
