"""Bodies as they come from a socket, in chunks or whole, and what is no JSON."""

from __future__ import annotations

import io
from typing import Any

import pytest
from eventlet.wsgi import ChunkReadError, Input
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import BadRequest, ClientDisconnected
from werkzeug.wrappers import Request

from image_service.errors import ImageTooLarge, InvalidArgument
from image_service.web.bodies import HANG_UP, Bodies
from image_service.web.input import RequestInput

BODIES = Bodies(idle_timeout_s=5, max_json_bytes=1_000)


def chunked(data: bytes) -> RequestInput:
    return RequestInput.of(Input(io.BytesIO(data), None, None, chunked_input=True))


def whole(body: RequestInput, piece_bytes: int = 1 << 16) -> bytes:
    parts = []
    while part := body.read(piece_bytes):
        parts.append(part)
    return b"".join(parts)


class Asked:
    """A request with a body, and whether the connection ends after it."""

    def __init__(self, data: bytes, *, is_chunked: bool = False, told: int | None = None) -> None:
        length = None if is_chunked else str(len(data) if told is None else told)
        body = RequestInput.of(Input(io.BytesIO(data), length, None, chunked_input=is_chunked))
        self.is_over = False
        environ: dict[str, Any] = {
            "wsgi.input": body,
            "CONTENT_TYPE": "application/json; charset=utf-8",
            HANG_UP: self._hang_up,
        }
        if length is not None:
            environ["CONTENT_LENGTH"] = length
        self.request = Request(environ, shallow=True)

    def _hang_up(self) -> None:
        self.is_over = True

    def read(self, max_bytes: int) -> bytes:
        return b"".join(BODIES.chunks(self.request, "max_call_bytes", max_bytes))


@given(
    pieces=st.lists(st.binary(min_size=1, max_size=50), max_size=8),
    piece_bytes=st.integers(1, 60),
    extension=st.sampled_from([b"", b";a=b", b" ;x", b"\t"]),
)
def test_chunks_are_put_together(pieces: list[bytes], piece_bytes: int, extension: bytes) -> None:
    head = [b"%x%s\r\n%s\r\n" % (len(piece), extension, piece) for piece in pieces]
    body = chunked(b"".join(head) + b"0\r\nTrailer: x\r\n\r\nGET /next")
    assert whole(body, piece_bytes) == b"".join(pieces)
    assert body.read(10) == b""
    assert body.rfile.read() == b"GET /next"


@given(data=st.binary(max_size=60))
def test_what_are_no_chunks_are_an_error_and_not_a_body(data: bytes) -> None:
    with pytest.raises((ChunkReadError, OSError)):
        whole(chunked(b"1\r\nx\r\n5" + data.replace(b"\n", b"")))


@pytest.mark.parametrize(
    "size", [b"", b"g", b"-1", b"+1", b"0x1", b"1_0", b" 1", b"1" * 13, b"1\x00", "١".encode()]
)
def test_a_size_is_hexadecimal_digits_alone(size: bytes) -> None:
    with pytest.raises(ChunkReadError):
        whole(chunked(size + b"\r\nx\r\n0\r\n\r\n"))


def test_a_body_within_its_limit_is_read() -> None:
    asked = Asked(b"x" * 100)
    assert asked.read(100) == b"x" * 100
    assert not asked.is_over


def test_what_says_that_it_is_too_large_is_not_read() -> None:
    asked = Asked(b"x" * 10, told=101)
    with pytest.raises(ImageTooLarge) as raised:
        asked.read(100)
    assert (raised.value.limit, raised.value.actual, asked.is_over) == (100, 101, True)
    assert asked.request.environ["wsgi.input"].position == 0


def test_what_does_not_say_it_is_found_out() -> None:
    asked = Asked(b"65\r\n" + b"x" * 101 + b"\r\n0\r\n\r\n", is_chunked=True)
    with pytest.raises(ImageTooLarge):
        asked.read(100)
    assert asked.is_over


def test_a_body_that_ends_too_early_is_none() -> None:
    for asked in (Asked(b"x" * 10, told=11), Asked(b"b\r\nx", is_chunked=True)):
        with pytest.raises(ClientDisconnected):
            asked.read(100)
        assert asked.is_over
    with pytest.raises(BadRequest):
        Asked(b"z\r\n", is_chunked=True).read(100)


def test_who_reads_no_further_ends_the_connection() -> None:
    asked = Asked(b"x" * 200_000)
    chunks = BODIES.chunks(asked.request, "max_call_bytes", 200_000)
    next(chunks)
    chunks.close()
    assert asked.is_over


def test_a_json_object_is_read() -> None:
    body = '{"a": "ü", "b": [1, 2.5, -3, null, true]}'.encode()
    assert BODIES.json(Asked(body).request, ("a", "b", "c")) == {
        "a": "ü",
        "b": [1, 2.5, -3, None, True],
    }


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"1", b"null", b"{", b'{"a": NaN}', b'{"a": -Infinity}', b'{"d": 1}', b"\xff",
     b'{"a": ' + b"1" * 30 + b"}", b"[" * 900, b'{"a":' * 190, b"\xef\xbb\xbf{}x"],
    ids=lambda body: repr(body[:12]),
)  # fmt: skip
def test_all_else_is_told(body: bytes) -> None:
    with pytest.raises(InvalidArgument):
        BODIES.json(Asked(body).request, ("a", "b", "c"))
