"""Processor profiles."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import eventlet
import pytest

from image_service.sight import profiling
from image_service.sight.profiling import Profiler, summary
from tests.component.harness import wait_until


def busy_function(seconds: float) -> int:
    end_s, n = time.process_time() + seconds, 0
    while time.process_time() < end_s:
        n += 1
    return n


def test_a_profile_names_what_took_the_time(tmp_path: Path) -> None:
    told: list[str] = []
    profiler = Profiler(tmp_path / "profiles", told.append)
    profiler.toggle()
    busy_function(0.5)
    profiler.toggle()
    (path,) = (tmp_path / "profiles").glob("*.txt")
    text = path.read_text()
    assert f"{__name__}.busy_function" in text.split("in it and what it calls")[0]
    share = next(line for line in text.splitlines() if line.endswith("busy_function"))
    assert float(share.split("%")[0]) > 80
    folded = path.with_suffix(".folded").read_text().splitlines()
    assert any(f"{__name__}.busy_function " in line for line in folded)
    assert all(line.rpartition(" ")[2].isdigit() for line in folded)
    assert signal.getitimer(signal.ITIMER_PROF) == (0, 0)
    assert [line.split()[0:3] for line in told] == [["a", "profile", "has"], ["a", "profile", "of"]]


def test_one_that_nobody_ends_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profiler = Profiler(tmp_path, lambda _: None)
    profiler.toggle()
    profiler.end_if_overdue()
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr(profiling, "MOST_S", 0)
    profiler.end_if_overdue()
    assert len(list(tmp_path.glob("*.txt"))) == 1


def test_the_signal_begins_and_ends_it(tmp_path: Path) -> None:
    before = signal.getsignal(profiling.SIGNAL)
    wrong: list[str] = []
    profiling.install(Profiler(tmp_path, lambda _: None), wrong.append)
    try:
        for _ in range(2):
            os.kill(os.getpid(), profiling.SIGNAL)
            eventlet.sleep(0.05)  # two at once are one signal
        wait_until(lambda: list(tmp_path.glob("*.txt")))
    finally:
        signal.signal(profiling.SIGNAL, before)
    assert not wrong


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    before = signal.getsignal(profiling.SIGNAL)
    (tmp_path / "file").write_bytes(b"")
    wrong: list[str] = []
    profiling.install(Profiler(tmp_path / "file", lambda _: None), wrong.append)
    try:
        for _ in range(2):
            os.kill(os.getpid(), profiling.SIGNAL)
            eventlet.sleep(0.05)
        wait_until(lambda: wrong)
    finally:
        signal.signal(profiling.SIGNAL, before)
    assert wrong == ["the profile cannot be written: File exists"]


def test_an_empty_profile_can_be_told() -> None:
    assert summary({}, 1.0, "a.folded").startswith("0 samples")
