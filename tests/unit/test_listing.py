"""Questions for a page, and the cursors that continue them."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_service.domain.filename import fold
from image_service.domain.formats import Format
from image_service.domain.listing import ListQuery, parse_list_query
from image_service.errors import InvalidArgument
from image_service.testing import NOON_MS

ID = "img_1700000000000_abcdefghij0123456789"
ORDERS = ["createdAt", "-createdAt", "filename", "-filename", "sizeBytes", "-sizeBytes"]


def test_nothing_asked_means_the_thousand_newest() -> None:
    query = parse_list_query()
    assert query == ListQuery(limit=1000, order="createdAt", descending=True)
    assert not query.is_filtered


def test_every_argument_is_understood() -> None:
    query = parse_list_query(
        limit=5,
        order="filename",
        format="JPG",
        tag="Sea",
        filename="STRASSE",
        created_after="2026-01-01T12:00:00.0001Z",
        created_before="2026-01-01T12:00:00.0001Z",
        min_bytes=0,
        max_bytes=2**63 - 1,
    )
    assert query.is_filtered
    assert (query.limit, query.order, query.descending) == (5, "filename", False)
    assert (query.format, query.tag, query.filename) == (Format.JPEG, "Sea", "strasse")
    assert (query.created_from_ms, query.created_until_ms) == (NOON_MS + 1, NOON_MS + 1)
    assert (query.min_bytes, query.max_bytes) == (0, 2**63 - 1)


@pytest.mark.parametrize(
    "filter_",
    [
        {"format": "png"},
        {"tag": "t"},
        {"filename": "f"},
        {"created_after": "2026-01-01"},
        {"created_before": "2026-01-01"},
        {"min_bytes": 0},
        {"max_bytes": 0},
    ],
    ids=str,
)
def test_each_filter_narrows_the_listing_and_paging_does_not(filter_: dict[str, Any]) -> None:
    assert parse_list_query(**filter_).is_filtered
    assert not parse_list_query(limit=1, order="filename").is_filtered


BAD: list[tuple[str, list[Any]]] = [
    ("limit", [0, 1001, -1, 10**400, True, 5.0, "5", None]),
    ("order", ["", "-", "--createdAt", "created_at", "CREATEDAT", None, 5, ["createdAt"]]),
    ("format", ["", "jxl", "image/png", 5, b"png", ["png"]]),
    ("tag", ["", " ", "a\n", "x" * 129, 5]),
    ("filename", ["", "a\0b", "\ud800", "x" * 256, 5]),
    ("created_after", ["", "yesterday", 5]),
    ("created_before", ["", "yesterday", 5.5]),
    ("min_bytes", [-1, 2**63, True, "1", 1.5]),
    ("max_bytes", [-1, 2**63, True, "1", 1.5]),
    ("cursor", ["", "x", 5, b"x", "äöü", "x" * 100_000, True, ["x"]]),
]


@pytest.mark.parametrize(
    ("argument", "value"),
    [(argument, value) for argument, values in BAD for value in values],
    ids=lambda v: ascii(v)[:30],
)
def test_a_bad_argument_is_named(argument: str, value: object) -> None:
    with pytest.raises(InvalidArgument) as raised:
        parse_list_query(**{argument: value})
    assert raised.value.argument == argument
    assert len(str(raised.value)) < 300


@pytest.mark.parametrize("order", ORDERS)
def test_a_cursor_continues_its_own_query_only(order: str) -> None:
    arguments: dict[str, Any] = {"order": order, "tag": "t"}
    query = parse_list_query(**arguments)
    value = "b" if query.order == "filename" else 5
    cursor = query.cursor_after(value, ID)
    assert parse_list_query(cursor=cursor, **arguments).after == (value, ID)
    assert parse_list_query(cursor=cursor, limit=3, **arguments).after == (value, ID)
    others = [{**arguments, "order": other} for other in ORDERS if other != order]
    others += [{**arguments, "tag": "u"}, {**arguments, "format": "png"}, {"order": order}]
    for other in others:
        with pytest.raises(InvalidArgument):
            parse_list_query(cursor=cursor, **other)


def forged(query: ListQuery, value: object, image_id: object = ID, **dumps: Any) -> str:
    raw = json.dumps([query._fingerprint(), value, image_id], **dumps)
    return base64.urlsafe_b64encode(raw.encode()).decode()


@pytest.mark.parametrize("value", [True, None, 1.5, "5", [], {}, 2**63, -(2**63), 10**400])
def test_a_forged_number_is_refused(value: object) -> None:
    query = parse_list_query()
    assert query.continued(forged(query, 5)).after == (5, ID)
    with pytest.raises(InvalidArgument):
        query.continued(forged(query, value))


@pytest.mark.parametrize("value", [5, None, True, "\ud800", ["a"], "a\0b"])
def test_a_forged_name_is_refused(value: object) -> None:
    query = parse_list_query(order="filename")
    with pytest.raises(InvalidArgument):
        query.continued(forged(query, value))


@pytest.mark.parametrize("image_id", [None, 5, "", "\ud800", "x", ["a"], "img_1700000000000_A"])
def test_a_forged_id_is_refused(image_id: object) -> None:
    query = parse_list_query()
    with pytest.raises(InvalidArgument):
        query.continued(forged(query, 5, image_id))


@pytest.mark.parametrize(
    "raw", [b"[]", b"{}", b"null", b'["a","b"]', b"[" * 5000, b"\xff", b'"abc"']
)
def test_forged_text_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidArgument):
        parse_list_query(cursor=base64.urlsafe_b64encode(raw).decode())


@pytest.mark.parametrize("letter", ["😀", "\ufdfa", "ΐ", "漢", '"', "\\"])
def test_the_longest_filenames_can_be_paged_through(letter: str) -> None:
    query = parse_list_query(order="filename")
    value = fold(letter * 255)
    assert query.continued(query.cursor_after(value, ID)).after == (value, ID)


CLEAN = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=255).map(fold)


@given(st.sampled_from(ORDERS), CLEAN, st.integers(-(2**63) + 1, 2**63 - 1))
def test_every_cursor_we_make_is_read_back(order: str, name: str, number: int) -> None:
    query = parse_list_query(order=order)
    value = name if query.order == "filename" else number
    assert query.continued(query.cursor_after(value, ID)).after == (value, ID)


ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=30), st.datetimes(),
    st.binary(max_size=5), st.lists(st.integers(), max_size=2),
)  # fmt: skip
ARGUMENTS = st.dictionaries(st.sampled_from([argument for argument, _ in BAD]), ANYTHING)


@given(ARGUMENTS)
def test_no_arguments_raise_anything_but_invalid_argument(given_arguments: dict[str, Any]) -> None:
    try:
        query = parse_list_query(**given_arguments)
    except InvalidArgument as exc:
        named = exc.argument
    else:
        named = None
        assert 1 <= query.limit <= 1000
    assert named is None or named in given_arguments


@given(st.integers(0, 200), st.integers(0, 255), st.sampled_from(ORDERS))
def test_a_tampered_cursor_is_refused_or_harmless(place: int, byte: int, order: str) -> None:
    query = parse_list_query(order=order)
    raw = bytearray(query.cursor_after("name" if query.order == "filename" else 5, ID).encode())
    raw[place % len(raw)] = byte
    try:
        value, image_id = query.continued(raw.decode("latin-1")).after or (None, "")
    except InvalidArgument:
        return
    assert isinstance(value, str if query.order == "filename" else int)
    assert image_id.startswith("img_")
