"""WebP: chunks of its RIFF container. Source: RFC 9649, 2.3 to 2.7."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from . import exif, xmp
from .parts import CannotStrip, blank, mentions_place

_SHOWN = frozenset((b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"))
_FRAME_PARTS = frozenset((b"ALPH", b"VP8 ", b"VP8L"))
_FRAME_HEADER_BYTES = 16
_EXIF_FLAG, _XMP_FLAG = 0x08, 0x04
_MAX_CHUNKS = 50_000


@dataclass(frozen=True)
class _Chunk:
    """A chunk in data[start:end], its padding included; its content is data[start + 8:body_end]."""

    kind: bytes
    start: int
    body_end: int
    end: int


def strip_all(data: bytes) -> tuple[bytes, set[str]]:
    """Return the WebP without metadata, and the words for what that was. Raises: CannotStrip."""
    end = _end(data)
    chunks = list(_chunks(data, 12, end))
    flags = next((data[c.start + 8] for c in chunks if c.kind == b"VP8X"), 0)
    words = set[str]() if end == len(data) else {"trailing"}
    parts: list[bytes] = []
    least = _least_exif(data, chunks) if flags & _EXIF_FLAG else b""
    first_exif = True
    for chunk in chunks:
        part, found = data[chunk.start : chunk.end], set[str]()
        if chunk.kind == b"EXIF":
            instead, first_exif = (least if first_exif else b""), False
            found = set() if part == instead else exif.words(_exif_block(data, chunk))
            part = instead
        elif chunk.kind == b"ANMF":
            part, found = _frame(data, chunk)
        elif chunk.kind not in _SHOWN:
            part, found = b"", _words(data, chunk)
        words |= found
        parts.append(part)
    if not words:
        return data, words
    return _file(parts, _EXIF_FLAG if least else 0), words


def strip_location(data: bytes) -> tuple[bytes, set[str]]:
    """Return the WebP, as long as before, without where it was taken, and the words for that.

    Raises: CannotStrip.
    """
    buffer = bytearray(data)
    words: set[str] = set()
    for chunk in _chunks(data, 12, _end(data)):
        start, end = chunk.start + 8, chunk.body_end
        if chunk.kind == b"EXIF":
            block = bytearray(_exif_block(data, chunk))
            words |= exif.blank_location(block)
            buffer[end - len(block) : end] = block
        elif chunk.kind == b"XMP ":
            packet = buffer[start:end]
            words |= xmp.blank_location(packet)
            buffer[start:end] = packet
        elif (
            chunk.kind not in _SHOWN
            and mentions_place(data[start:end])
            and blank(buffer, start, end)
        ):
            words.add("other")
    return (bytes(buffer) if words else data), words


def _end(data: bytes) -> int:
    """Return where the RIFF container ends. Raises: CannotStrip."""
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        raise CannotStrip("it does not start as a WebP")
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data) + 1:  # the last chunk's padding may be missing
        raise CannotStrip("it is cut off")
    return min(end, len(data))


def _chunks(data: bytes, start: int, end: int) -> Iterator[_Chunk]:
    """Return the chunks in a range. Raises: CannotStrip."""
    for _ in range(_MAX_CHUNKS):
        if start >= end:
            return
        body_end = start + 8 + int.from_bytes(data[start + 4 : start + 8], "little")
        if start + 8 > end or body_end > end:
            raise CannotStrip("a chunk is cut off")
        chunk = _Chunk(data[start : start + 4], start, body_end, min(body_end + body_end % 2, end))
        if chunk.kind == b"VP8X" and body_end < start + 18:
            raise CannotStrip("its header is cut off")
        yield chunk
        start = chunk.end
    raise CannotStrip("it has too many chunks")


def _exif_block(data: bytes, chunk: _Chunk) -> bytes:
    # Some writers take "Exif" along from JPEG.
    return data[chunk.start + 8 : chunk.body_end].removeprefix(b"Exif\0\0")


def _least_exif(data: bytes, chunks: list[_Chunk]) -> bytes:
    """Return a chunk that only keeps the orientation of the first EXIF, if it is turned."""
    for chunk in chunks:
        if chunk.kind == b"EXIF":
            orientation = exif.orientation(_exif_block(data, chunk))
            return _chunk(b"EXIF", exif.minimal(orientation)) if orientation > 1 else b""
    return b""


def _words(data: bytes, chunk: _Chunk) -> set[str]:
    if chunk.kind != b"XMP ":
        return {"other"}
    return {"xmp"} | xmp.blank_location(bytearray(data[chunk.start + 8 : chunk.body_end]))


def _frame(data: bytes, chunk: _Chunk) -> tuple[bytes, set[str]]:
    """Return a frame without the unknown chunks in it, and the words for those."""
    start = chunk.start + 8 + _FRAME_HEADER_BYTES
    parts = list(_chunks(data, start, chunk.body_end))
    if all(each.kind in _FRAME_PARTS for each in parts):
        return data[chunk.start : chunk.end], set()
    kept = b"".join(data[each.start : each.end] for each in parts if each.kind in _FRAME_PARTS)
    return _chunk(b"ANMF", data[chunk.start + 8 : start] + kept), {"other"}


def _chunk(kind: bytes, content: bytes) -> bytes:
    return kind + len(content).to_bytes(4, "little") + content + b"\0" * (len(content) % 2)


def _file(parts: list[bytes], flag: int) -> bytes:
    """Return a file of chunks; flag: what its header is to say of metadata."""
    body = bytearray()
    for part in parts:
        at = len(body)
        body += part
        if part[:4] == b"VP8X":
            body[at + 8] = body[at + 8] & ~(_EXIF_FLAG | _XMP_FLAG) | flag
    return b"RIFF" + (4 + len(body)).to_bytes(4, "little") + b"WEBP" + bytes(body)
