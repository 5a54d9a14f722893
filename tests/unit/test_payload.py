"""The forms a picture comes in."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_service.domain.payload import from_node_buffer, is_node_buffer, to_bytes
from image_service.errors import EmptyFile, ImageServiceError, ImageTooLarge, InvalidArgument

DATA = bytes(range(256)) * 3 + b"\xfb\xff"
TEXT = base64.b64encode(DATA).decode()
LIMIT = len(DATA)


def wrapped(text: str, every: int, ending: str) -> str:
    return ending.join(text[i : i + every] for i in range(0, len(text), every)) + ending


FORMS: dict[str, Any] = {
    "bytes": DATA,
    "bytearray": bytearray(DATA),
    "memoryview": memoryview(DATA),
    "base64": TEXT,
    "base64 without padding": TEXT.rstrip("="),
    "base64 in lines of 76": wrapped(TEXT, 76, "\r\n"),
    "base64 in lines of 64": wrapped(TEXT, 64, "\n"),
    "base64 between spaces": f"  {TEXT}\n",
    "base64url": base64.urlsafe_b64encode(DATA).decode(),
    "base64url without padding": base64.urlsafe_b64encode(DATA).decode().rstrip("="),
    "data URL": f"data:image/png;base64,{TEXT}",
    "data URL in capitals": f"DATA:image/png;BASE64,{TEXT}",
    "data URL with parameters": f"data:image/png;name=a.png;charset=utf-8;base64,{TEXT}",
    "data URL without a type": f"data:;base64,{TEXT}",
    "Node Buffer": {"type": "Buffer", "data": list(DATA)},
    "Node Buffer from JSON": json.loads(json.dumps({"type": "Buffer", "data": list(DATA)})),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_form_gives_the_same_bytes_right_up_to_the_limit(form: object) -> None:
    data = to_bytes(form, max_bytes=LIMIT)
    assert data == DATA
    assert type(data) is bytes


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_one_byte_above_the_limit_is_too_large_in_every_form(form: object) -> None:
    with pytest.raises(ImageTooLarge) as raised:
        to_bytes(form, max_bytes=LIMIT - 1)
    assert raised.value.details()["setting"] == "max_upload_bytes"
    assert raised.value.details()["limit"] == LIMIT - 1
    assert raised.value.details()["actual"] >= LIMIT - 1


@pytest.mark.parametrize("lines", [0, 76, 64])
@pytest.mark.parametrize("size", [*range(1, 12), 57, 58, 999, 1000, 10_000])
def test_the_limit_is_exact_whatever_the_line_ends(size: int, lines: int) -> None:
    text = base64.b64encode(bytes(size)).decode()
    text = wrapped(text, lines, "\r\n" if lines == 76 else "\n") if lines else text
    assert len(to_bytes(text, max_bytes=size)) == size


EMPTY: dict[str, Any] = {
    "bytes": b"",
    "text": "",
    "blank text": " \n",
    "data URL": "data:image/png;base64,",
    "Node Buffer": {"type": "Buffer", "data": []},
}


@pytest.mark.parametrize("form", EMPTY.values(), ids=EMPTY)
def test_no_bytes_are_an_empty_file_in_every_form(form: object) -> None:
    with pytest.raises(EmptyFile):
        to_bytes(form, max_bytes=LIMIT)


REFUSED: dict[str, Any] = {
    "null": None,
    "a number": 5,
    "true": True,
    "a list": [1, 2, 3],
    "a mapping": {"data": [1]},
    "another type of mapping": {"type": "Blob", "data": [1]},
    "a Buffer without data": {"type": "Buffer"},
    "a Buffer of text": {"type": "Buffer", "data": "abc"},
    "a Buffer of null": {"type": "Buffer", "data": None},
    "a Buffer of a mapping": {"type": "Buffer", "data": {"0": 1}},
    "a Buffer with 256": {"type": "Buffer", "data": [0, 256]},
    "a Buffer with -1": {"type": "Buffer", "data": [-1]},
    "a Buffer with 10**30": {"type": "Buffer", "data": [10**30]},
    "a Buffer with 1.5": {"type": "Buffer", "data": [1.5]},
    "a Buffer with text": {"type": "Buffer", "data": ["1"]},
    "a Buffer with null": {"type": "Buffer", "data": [None]},
    "words": "this is no base64!",
    "one letter": "A",
    "umlauts": "äöü",
    "a surrogate": "\ud800",
    "a null character": "QUJD\0",
    "padding in the middle": "QQ==QQ==",
    "too much padding": "QUI===",
    "a data URL of text": "data:text/plain,hello",
    "a data URL of quoted text": "data:image/svg+xml;charset=utf-8,%3Csvg%3E",
    "a web address": "https://example.com/a.jpg",
    "a path": "/etc/passwd.",
}


@pytest.mark.parametrize("form", REFUSED.values(), ids=REFUSED)
def test_any_other_form_is_an_invalid_argument_that_says_what_to_send(form: object) -> None:
    with pytest.raises(InvalidArgument) as raised:
        to_bytes(form, max_bytes=LIMIT)
    assert raised.value.argument == "file"
    assert raised.value.why


def test_a_long_list_is_refused_before_it_is_looked_at() -> None:
    buffer = {"type": "Buffer", "data": ["no number"] * 10}
    with pytest.raises(ImageTooLarge):
        from_node_buffer(buffer, 9)


def test_only_nodes_own_form_is_a_node_buffer() -> None:
    assert is_node_buffer({"type": "Buffer", "data": []})
    assert not any(is_node_buffer(each) for each in ([], None, "Buffer", {"type": "Buffer"}))


@given(st.binary(min_size=1, max_size=500), st.integers(1, 100), st.booleans(), st.booleans())
def test_base64_comes_back_however_it_was_written(
    data: bytes, every: int, is_padded: bool, is_urlsafe: bool
) -> None:
    encode = base64.urlsafe_b64encode if is_urlsafe else base64.b64encode
    text = encode(data).decode()
    text = text if is_padded else text.rstrip("=")
    assert to_bytes(wrapped(text, every, "\n"), max_bytes=10_000) == data


@given(st.one_of(st.text(max_size=300), st.dictionaries(st.text(), st.integers()), st.floats()))
def test_no_input_raises_anything_but_our_own_errors(form: object) -> None:
    with contextlib.suppress(ImageServiceError):
        assert to_bytes(form, max_bytes=100)
