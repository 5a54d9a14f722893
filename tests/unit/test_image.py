"""Image ids, and how sizes and moments are written."""

from __future__ import annotations

import datetime as dt
import re
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_service.domain.formats import Format
from image_service.domain.image import (
    Image,
    PictureFacts,
    human_size,
    make_image_id,
    parse_image_ref,
    rfc3339,
)
from image_service.errors import InvalidImageId

MADE = re.compile(r"^img_\d{13}_[a-z0-9]{16,32}$")
NEVER = 253_402_300_799_999  # the last millisecond of the year 9999


@given(st.integers(10**12, 10**13 - 1), st.binary(min_size=20, max_size=40))
def test_an_id_that_was_made_is_accepted_with_and_without_its_extension(
    now_ms: int, random_bytes: bytes
) -> None:
    image_id = make_image_id(now_ms, random_bytes)
    assert MADE.fullmatch(image_id)
    assert parse_image_ref(image_id) == (image_id, None)
    for format_ in Format:
        assert parse_image_ref(f"{image_id}.{format_.extension}") == (image_id, format_.extension)


def test_every_random_bit_counts() -> None:
    made = {make_image_id(1_700_000_000_000, secrets.token_bytes(24)) for _ in range(2000)}
    assert len(made) == 2000
    letters = {letter for each in made for letter in each[18:]}
    assert letters == set("abcdefghijklmnopqrstuvwxyz0123456789")


@pytest.mark.parametrize("random", ["a", "0", "k3j" * 3, "z" * 32])
def test_ids_of_the_original_service_are_accepted(random: str) -> None:
    assert parse_image_ref(f"img_1700000000000_{random}").extension is None


@pytest.mark.parametrize(
    "text",
    [
        "img_1700000000000_",
        "img_1700000000000_" + "a" * 33,
        "img_170000000000_abc",
        "img_17000000000000_abc",
        "img_1700000000000_abC",
        "img_1700000000000_a-c",
        "img_1700000000000_abc.",
        "img_1700000000000_abc.JPG",
        "img_1700000000000_abc.jpg.png",
        "img_1700000000000_abc.jpeg2",
        " img_1700000000000_abc",
        "img_1700000000000_abc\n",
        "img_1700000000000_abc/../x",
        "img_١٧٠٠٠٠٠٠٠٠٠٠٠_abc",
        "img_1700000000000_äbc",
    ],
)
def test_anything_else_is_no_id(text: str) -> None:
    with pytest.raises(InvalidImageId):
        parse_image_ref(text)


@given(st.one_of(st.text(), st.none(), st.integers(), st.binary(), st.lists(st.text())))
def test_no_input_is_more_than_an_invalid_id(value: object) -> None:
    with pytest.raises(InvalidImageId):
        parse_image_ref(value)


@given(st.from_regex(r"img_\d{13}_[a-z0-9]{1,32}(\.[a-z]{3,5})?", fullmatch=True))
def test_what_is_accepted_can_be_a_file_name(text: str) -> None:
    try:
        ref = parse_image_ref(text)
    except InvalidImageId:
        assert not text.isascii()
    else:
        assert text.isascii()
        assert not set(text) & set("/\\~\0")
        assert text == ref.id + (f".{ref.extension}" if ref.extension else "")


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1, "1 B"),
        (512, "512 B"),
        (1023, "1023 B"),
        (1024, "1.00 KB"),
        (101_847, "99.46 KB"),
        (1536, "1.50 KB"),
        (1_048_570, "1023.99 KB"),
        (1_048_571, "1.00 MB"),
        (1_048_575, "1.00 MB"),
        (1_048_576, "1.00 MB"),
        (1024**3 - 1, "1.00 GB"),
        (1024**3, "1.00 GB"),
        (1024**4, "1.00 TB"),
        (1024**5, "1.00 PB"),
        (1024**6, "1.00 EB"),
        (1024**7, "1024.00 EB"),
    ],
)
def test_sizes_are_written_for_people(size: int, text: str) -> None:
    assert human_size(size) == text


UNITS = {"B": 1, **{unit: 1024**n for n, unit in enumerate(["KB", "MB", "GB", "TB", "PB"], 1)}}


def spelled(text: str) -> float:
    number, unit = text.split(" ")
    return float(number) * UNITS[unit]


@given(st.integers(0, 1024**6 // 2), st.integers(0, 10**9))
def test_a_larger_size_never_reads_smaller(size: int, more: int) -> None:
    assert spelled(human_size(size)) <= spelled(human_size(size + more))


@given(st.integers(1024, 1024**6 // 2))
def test_a_size_reads_as_what_it_is_within_two_decimals(size: int) -> None:
    number, unit = human_size(size).split(" ")
    assert re.fullmatch(r"\d{1,4}\.\d\d", number)
    assert float(number) < 1024
    assert abs(spelled(f"{number} {unit}") - size) <= 0.00501 * UNITS[unit]


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_767_268_800_007, "2026-01-01T12:00:00.007Z"),
        (NEVER, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_moments_are_rfc_3339_in_utc(ms: int, text: str) -> None:
    assert rfc3339(ms) == text


@given(st.integers(0, NEVER))
def test_moments_lose_no_millisecond(ms: int) -> None:
    moment = dt.datetime.fromisoformat(rfc3339(ms).replace("Z", "+00:00"))
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
    assert (moment - epoch) // dt.timedelta(milliseconds=1) == ms


def test_an_image_knows_its_blob_and_its_checksum() -> None:
    image = Image(
        id="img_1700000000000_abc",
        filename="../x.png",
        size_bytes=1,
        sha256=bytes(32),
        created_ms=0,
        facts=PictureFacts(Format.JPEG, 1, 1),
    )
    assert image.blob_name == "img_1700000000000_abc.jpg"
    assert image.checksum == "sha256:" + "0" * 64
