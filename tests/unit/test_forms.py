"""Forms with a file, whole, in pieces, and broken."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import BadRequest

from image_service.errors import ImageTooLarge, InvalidArgument
from image_service.web.forms import Form, FormReader

BOUNDARY = "----b"


def part(name: str, content: bytes, filename: str | None = None, *more: str) -> bytes:
    file = "" if filename is None else f'; filename="{filename}"'
    head = [f'Content-Disposition: form-data; name="{name}"{file}', *more]
    lines = [f"--{BOUNDARY}", *head, "", ""]
    return "\r\n".join(lines).encode() + content + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def read(
    body: bytes, *, piece_bytes: int = 1 << 16, boundary: Any = BOUNDARY, **limits: int
) -> Form:
    reader = FormReader(**{"max_file_bytes": 10_000, "max_fields_bytes": 1_000, **limits})
    pieces = (body[at : at + piece_bytes] for at in range(0, len(body), piece_bytes))
    return reader.read(pieces, boundary)


def test_a_form_is_read() -> None:
    body = form(
        part("tags", "ü".encode()),
        part("file", b"\x00\xff\r\n--x", "ä b.jpg", "Content-Type: image/jpeg"),
        part("tags", b"b"),
        part("checksum", b""),
    )
    found = read(body)
    assert (found.file, found.filename) == (b"\x00\xff\r\n--x", "ä b.jpg")
    assert found.fields == {"tags": ["ü", "b"], "checksum": [""]}


@given(
    content=st.lists(
        st.sampled_from([b"\r\n", b"--", BOUNDARY.encode(), b"\r", b"\n", b"-", b"x", b"\x00"]),
        max_size=30,
    ).map(b"".join),
    piece_bytes=st.integers(1, 40),
)
def test_in_whatever_pieces_it_comes_the_file_is_what_was_sent(
    content: bytes, piece_bytes: int
) -> None:
    if f"\r\n--{BOUNDARY}".encode() in b"\r\n" + content:
        return  # that ends the part
    body = form(part("a", b"1"), part("file", content, "a.png"), part("b", b"2"))
    found = read(body, piece_bytes=piece_bytes)
    assert found == Form(bytearray(content), "a.png", {"a": ["1"], "b": ["2"]})


@given(body=st.binary(max_size=400), piece_bytes=st.integers(1, 400))
def test_no_bytes_do_harm(body: bytes, piece_bytes: int) -> None:
    with pytest.raises((BadRequest, InvalidArgument)):
        read(f"--{BOUNDARY}\r\n".encode() + body, piece_bytes=piece_bytes)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--",
        b"x" * 1000,
        form(part("file", b"1", "a.png"))[:-12],
        form(part("file", b"1", "a.png"))[:20],
        f"--{BOUNDARY}\r\n\r\n1\r\n--{BOUNDARY}--\r\n".encode(),
        form(part("tags", b"\xff"), part("file", b"1", "a.png")),
        form(part("file", b"1", "a.png").replace(b"a.png", b"\xff")),
        form(*(part("tags", b"") for _ in range(10_000))),
        f"--{BOUNDARY}\r\nX: ".encode() + b"x" * 1_000_000,
        f"--{BOUNDARY}\r\n".encode() + b"X: y\r\n" * 100_000,
        b"\r\n" * 300_000,
    ],
    ids=lambda body: repr(body[:20]),
)
def test_what_is_no_form_is_told(body: bytes) -> None:
    with pytest.raises(BadRequest):
        read(body)


@pytest.mark.parametrize("boundary", [None, "", "x" * 201, "ü"])
def test_a_form_needs_a_boundary(boundary: Any) -> None:
    with pytest.raises(BadRequest):
        read(b"", boundary=boundary)


def test_an_empty_file_is_a_file() -> None:
    assert read(form(part("file", b"", "a.png"))).file == b""


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [part("tags", b"a")],
        [part("file", b"text")],
        [part("picture", b"1", "a.png")],
        [part("file", b"1", "a.png"), part("file", b"2", "b.png")],
    ],
)
def test_a_form_has_exactly_one_file(parts: list[bytes]) -> None:
    with pytest.raises(InvalidArgument):
        read(form(*parts))


def test_reading_ends_where_the_file_is_too_large() -> None:
    taken = 0

    def too_much() -> Iterator[bytes]:
        nonlocal taken
        yield part("file", b"", "a.png")[:-2]
        while taken < 100_000:
            taken += 1000
            yield b"x" * 1000

    reader = FormReader(max_file_bytes=5_000, max_fields_bytes=100)
    with pytest.raises(ImageTooLarge) as raised:
        reader.read(too_much(), BOUNDARY)
    assert raised.value.setting == "max_upload_bytes"
    assert taken <= 7_000
    assert len(read(form(part("file", b"x" * 10_000, "a.png"))).file) == 10_000
    with pytest.raises(ImageTooLarge):
        read(form(part("file", b"x" * 10_001, "a.png")))


def test_texts_have_a_limit_of_their_own() -> None:
    file = part("file", b"1", "a.png")
    for texts in (
        [part("t", b"x" * 1_000)],
        [part("t", b"x" * 100)] * 10,
        [part("n" * 1_000, b"")],
    ):
        with pytest.raises(ImageTooLarge) as raised:
            read(form(*texts, file))
        assert raised.value.setting == "max_call_bytes"
