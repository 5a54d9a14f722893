"""How often somebody may ask."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from pathlib import Path

import pytest

from image_service.config import ConfigError, read_settings
from image_service.errors import RateLimited
from image_service.web.rates import Rates, address_key


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1_800_000_000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    return now


def test_what_has_no_limit_is_never_refused() -> None:
    rates = Rates({})
    for _ in range(1_000):
        rates.count("calls", "a")


def test_beyond_the_limit_is_told_when_to_try_again(clock: list[float]) -> None:
    rates = Rates({"calls": "3/minute"})
    for _ in range(3):
        rates.count("calls", "a")
    with pytest.raises(RateLimited) as raised:
        rates.count("calls", "a")
    assert raised.value.limit == "3 in a minute"
    assert 1 <= raised.value.retry_after_s <= 60
    rates.count("calls", "b")
    rates.count("uploads", "a")
    clock[0] += 121
    rates.count("calls", "a")


def test_of_several_limits_each_holds(clock: list[float]) -> None:
    rates = Rates({"calls": "2/second; 3/2 hours"})
    for _ in range(3):
        rates.count("calls", "a")
        clock[0] += 3
    with pytest.raises(RateLimited) as raised:
        rates.count("calls", "a")
    assert raised.value.limit == "3 in 2 hours"


def test_however_many_ask_little_is_remembered() -> None:
    rates = Rates({"calls": "1/day"})
    for number in range(60_000):
        rates._storage.storage[f"k{number}"] = 1
    rates.count("calls", "a")
    assert len(rates._storage.storage) < 10


def test_an_address_is_counted_by_its_network() -> None:
    assert address_key("10.0.0.1") != address_key("10.0.0.2")
    assert address_key("2001:db8::1") == address_key("2001:db8::ffff:1")
    assert address_key("2001:db8::1") != address_key("2001:db8:0:1::1")
    assert address_key("") == address_key("nonsense") == "address:"


def test_the_setting_is_checked() -> None:
    def settings(value: object) -> dict[str, str]:
        return dict(read_settings({"rate_limits": value}, Path("/srv")).rate_limits)

    assert settings('{"calls": "5 per minute"}') == settings({"calls": "5 per minute"})
    assert settings("") == {}
    for wrong in (
        {"calls": "often"},
        {"calls": "0/minute"},
        {"reads": "1/day"},
        "{",
        {"calls": ""},
    ):
        with pytest.raises(ConfigError, match="rate_limits"):
            settings(wrong)


def test_several_processes_count_together(tmp_path: Path, clock: list[float]) -> None:
    file = tmp_path / "rates.sqlite3"
    one, other = (Rates({"calls": "3/minute"}, file) for _ in range(2))
    one.count("calls", "a")
    other.count("calls", "a")
    one.count("calls", "a")
    with pytest.raises(RateLimited) as raised:
        other.count("calls", "a")
    assert raised.value.limit == "3 in a minute"
    assert 1 <= raised.value.retry_after_s <= 60
    other.count("calls", "b")
    clock[0] += 121
    other.count("calls", "a")


def test_counts_together_agree_with_counts_alone(tmp_path: Path, clock: list[float]) -> None:
    shared, alone = Rates({"calls": "5/minute"}, tmp_path / "rates.sqlite3"), Rates(LIMIT)
    for step in range(300):
        clock[0] += step % 17
        assert refuses(shared) == refuses(alone)


LIMIT = {"calls": "5/minute"}


def refuses(rates: Rates) -> bool:
    try:
        rates.count("calls", "a")
    except RateLimited:
        return True
    return False


def test_counts_that_are_over_are_forgotten(tmp_path: Path, clock: list[float]) -> None:
    rates = Rates({"calls": "1/second"}, tmp_path / "rates.sqlite3")
    for number in range(20_000):
        clock[0] += 0.01
        rates.count("calls", f"client {number}")
    with sqlite3.connect(tmp_path / "rates.sqlite3") as db:
        assert db.execute("SELECT count(*) FROM counts").fetchone()[0] < 12_000


def test_a_file_that_cannot_be_used_leaves_each_to_count_alone(tmp_path: Path) -> None:
    (tmp_path / "rates.sqlite3").write_bytes(b"no database" * 1000)
    rates = Rates({"calls": "1/minute"}, tmp_path / "rates.sqlite3")
    rates.count("calls", "a")
    with pytest.raises(RateLimited):
        rates.count("calls", "a")


def test_a_file_that_stays_locked_is_not_waited_for_long(tmp_path: Path) -> None:
    file = tmp_path / "rates.sqlite3"
    rates = Rates({"calls": "1/minute"}, file)
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        started_s = time.monotonic()
        rates.count("calls", "a")
        assert time.monotonic() - started_s < 2
        with pytest.raises(RateLimited):
            rates.count("calls", "a")
