"""What callers pass beside the picture."""

from __future__ import annotations

import contextlib
import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_service.domain import arguments
from image_service.errors import InvalidArgument
from image_service.testing import NOON_MS

TEXTS = ["a", "ä b", "😀👨‍👩‍👧", "a\u00a0b", "\u3000全角", "a\u202fb", "x" * 128]
BAD_TEXTS = [
    "",
    "  ",
    "\t",
    "a\nb",
    "a\0",
    "\x7f",
    "\x9b",
    "\ud800",
    "x" * 129,
    None,
    5,
    b"a",
    ["a"],
]


@pytest.mark.parametrize("value", TEXTS)
def test_text_is_kept_as_it_is(value: str) -> None:
    assert arguments.text(value, "tag", max_characters=128) == value


@pytest.mark.parametrize("value", BAD_TEXTS, ids=ascii)
def test_text_that_is_none_or_breaks_headers_is_refused(value: object) -> None:
    with pytest.raises(InvalidArgument) as raised:
        arguments.text(value, "tag", max_characters=128)
    assert raised.value.argument == "tag"


def test_tags_lose_repetitions_and_keep_their_order() -> None:
    assert arguments.tags(None) == arguments.tags([]) == ()
    assert arguments.tags(["b", "a", "b"]) == ("b", "a")
    assert arguments.tags(("a",)) == ("a",)
    assert len(arguments.tags([str(n) for n in range(64)])) == 64


@pytest.mark.parametrize(
    "value",
    ["a", {"a": 1}, [1], [None], [""], ["x" * 129], [str(n) for n in range(65)], 5],
    ids=repr,
)
def test_other_tags_are_refused(value: object) -> None:
    with pytest.raises(InvalidArgument) as raised:
        arguments.tags(value)
    assert raised.value.argument == "tags"


def test_attributes_are_a_flat_mapping_of_text() -> None:
    assert arguments.attributes(None) == {}
    value = {"k": "", "ключ": "a\nb", "x" * 128: "y" * 2048}
    assert arguments.attributes(value) == value
    assert arguments.attributes(value) is not value


@pytest.mark.parametrize(
    "value",
    [
        "a",
        [("a", "b")],
        {"a": 1},
        {"a": None},
        {"a": {"b": "c"}},
        {1: "a"},
        {"": "a"},
        {"a\n": "b"},
        {"x" * 129: "a"},
        {"a": "y" * 2049},
        {"a": "\ud800"},
        {str(n): "a" for n in range(65)},
    ],
    ids=lambda value: repr(value)[:30],
)
def test_other_attributes_are_refused(value: object) -> None:
    with pytest.raises(InvalidArgument) as raised:
        arguments.attributes(value)
    assert raised.value.argument == "attributes"


@pytest.mark.parametrize(
    "value", ["", "sha256:", "md5:" + "0" * 64, "0" * 64, 5, b"x", "sha256:" + "g" * 64]
)
def test_a_checksum_is_sha256_and_64_digits(value: object) -> None:
    assert arguments.checksum("SHA256:" + "aB" * 32) == bytes.fromhex("ab" * 32)
    with pytest.raises(InvalidArgument) as raised:
        arguments.checksum(value)
    assert raised.value.argument == "checksum"


@pytest.mark.parametrize(
    "value",
    [0, 11, -1, 2**70, -(1 << 20_000), True, False, 1.0, "5", None, [5]],
    ids=lambda v: type(v).__name__,
)
def test_an_integer_is_whole_and_in_its_range(value: object) -> None:
    for good in (1, 10):
        assert arguments.integer(good, "limit", low=1, high=10) == good
    with pytest.raises(InvalidArgument) as raised:
        arguments.integer(value, "limit", low=1, high=10)
    assert "10" in str(raised.value)
    assert len(str(raised.value)) < 200


@pytest.mark.parametrize("value", [0, 1, "true", None])
def test_a_flag_is_true_or_false(value: object) -> None:
    assert arguments.flag(True, "trashed") is True
    with pytest.raises(InvalidArgument):
        arguments.flag(value, "trashed")


MOMENTS: list[tuple[Any, int, int]] = [
    ("2026-01-01T12:00:00Z", NOON_MS, NOON_MS),
    ("2026-01-01t12:00:00z", NOON_MS, NOON_MS),
    ("2026-01-01 12:00:00", NOON_MS, NOON_MS),
    ("2026-01-01T12:00:00+00:00", NOON_MS, NOON_MS),
    ("2026-01-01T13:30:00+01:30", NOON_MS, NOON_MS),
    ("2026-01-01T12:00:00.5Z", NOON_MS + 500, NOON_MS + 500),
    ("2026-01-01T12:00:00.25Z", NOON_MS + 250, NOON_MS + 250),
    ("2026-01-01T12:00:00.0001Z", NOON_MS, NOON_MS + 1),
    ("2026-01-01T12:00:00.001001Z", NOON_MS + 1, NOON_MS + 2),
    ("1969-12-31T23:59:59.9995Z", -1, 0),
    ("2026-01-01", NOON_MS - 43_200_000, NOON_MS - 43_200_000),
    (dt.datetime(2026, 1, 1, 12), NOON_MS, NOON_MS),
    (dt.datetime(2026, 1, 1, 12, tzinfo=dt.timezone.utc), NOON_MS, NOON_MS),
]


@pytest.mark.parametrize(("value", "down", "up"), MOMENTS, ids=lambda v: str(v))
def test_moments_are_read_exactly(value: object, down: int, up: int) -> None:
    assert arguments.moment_ms(value, "created_after") == down
    assert arguments.moment_ms(value, "created_after", round_up=True) == up


@pytest.mark.parametrize(
    "value", ["", "now", "2026-13-01T00:00:00Z", 5, True, b"2026", "2026-01-01T25:00Z"]
)
def test_other_moments_are_refused(value: object) -> None:
    assert arguments.moment_ms(None, "created_after") is None
    with pytest.raises(InvalidArgument) as raised:
        arguments.moment_ms(value, "created_after")
    assert raised.value.argument == "created_after"


ZONES = st.timezones() | st.integers(-1439, 1439).map(
    lambda m: dt.timezone(dt.timedelta(minutes=m))
)


@given(st.datetimes(timezones=st.none() | ZONES))
def test_any_datetime_is_read_or_refused(moment: dt.datetime) -> None:
    for value in (moment, moment.isoformat()):
        with contextlib.suppress(InvalidArgument):
            assert isinstance(arguments.moment_ms(value, "created_after"), int)


@given(st.text(alphabet="0123456789-:.+TZz ", max_size=40))
def test_any_text_like_a_moment_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(InvalidArgument):
        assert isinstance(arguments.moment_ms(text, "created_after"), int)
