"""The page on sizes says what its figures give."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import sizing
from scripts.sizing import Load

TEN_MILLION = Load(10**7)


def test_the_steps_on_the_page_are_those_of_the_tables() -> None:
    page = sizing.PAGE.read_text(encoding="utf-8")
    assert TEN_MILLION.uploads == pytest.approx(0.42, abs=0.005)
    assert TEN_MILLION.views == pytest.approx(46, abs=0.5)
    assert TEN_MILLION.at_origin == pytest.approx(4.6, abs=0.05)
    assert TEN_MILLION.renders == pytest.approx(0.93, abs=0.005)
    assert TEN_MILLION.cores == pytest.approx(0.046, abs=0.0005)
    assert "0.42 × (25.4 + 6.4) ms + 0.93 × 33.2 ms + 4.6 × 0.35 ms = 46 ms" in page


def test_one_machine_more_is_needed_when_the_cores_are_used_up() -> None:
    per_image = Load(10**9).cores / 10**9
    of_one = sizing.CORES * sizing.USED / per_image
    assert Load(int(of_one * 0.99)).machines == 1
    assert Load(int(of_one * 1.01)).machines == 2


def test_a_page_with_other_figures_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "sizing.md"
    page.write_text(sizing.PAGE.read_text(encoding="utf-8").replace("20 TB |", "21 TB |"))
    monkeypatch.setattr(sizing, "PAGE", page)
    monkeypatch.setattr(sizing, "ROOT", tmp_path)
    monkeypatch.setattr("sys.argv", ["sizing", "--check"])
    assert sizing.main() == 1
    assert "sizing.md is out of date" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["sizing"])
    assert sizing.main() == 0
    monkeypatch.setattr("sys.argv", ["sizing", "--check"])
    assert sizing.main() == 0
