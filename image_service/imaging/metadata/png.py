"""What a PNG's chunks tell that Pillow does not before it decodes the pixels (PNG 3rd edition)."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping

from .guard import guarded

_SIGNATURE_BYTES = 8
_MAX_CHUNKS = 4_000
_MAX_TEXTS = 64
_MAX_TEXT_BYTES = 256 * 1024
_XMP_KEYWORD = b"XML:com.adobe.xmp"
_COMPRESSED = 1


def bit_depth(data: bytes) -> int:
    """Return the bits of a channel, or of an index into the palette (IHDR)."""
    return data[24]


def loop_count(data: bytes) -> int | None:
    """Return how often an APNG plays, 0 for ever; None of a still (acTL)."""
    for kind, start, _ in _chunks(data):
        if kind == b"acTL":
            return int.from_bytes(data[start + 4 : start + 8], "big")
        if kind == b"IDAT":
            break
    return None


def late_texts(data: bytes) -> dict[str, str | bytes]:
    """Return the texts behind the pixels, where ExifTool writes them, keyed as in Pillow's info."""
    found: dict[str, str | bytes] = {}
    behind = False
    for kind, start, end in _chunks(data):
        behind = behind or kind == b"IDAT"
        if behind and kind in (b"tEXt", b"zTXt", b"iTXt") and end - start <= _MAX_TEXT_BYTES:
            keyword, _, rest = data[start:end].partition(b"\0")
            value = guarded(b"", _text, kind, rest)
            is_xmp = keyword == _XMP_KEYWORD and kind == b"iTXt"
            key = "xmp" if is_xmp else keyword.decode("latin-1")
            found[key] = value if is_xmp else value.decode(_ENCODINGS[kind], "replace")
            if len(found) == _MAX_TEXTS:
                break
    return found


_ENCODINGS = {b"tEXt": "latin-1", b"zTXt": "latin-1", b"iTXt": "utf-8"}


def _text(kind: bytes, rest: bytes) -> bytes:
    """Return a text chunk's text from what follows its keyword."""
    if kind == b"tEXt":
        return rest
    if kind == b"zTXt":
        return _inflated(rest[1:])
    compressed = rest[0] == _COMPRESSED
    text = rest[2:].split(b"\0", 2)[-1]  # behind a language and the keyword in that language
    return _inflated(text) if compressed else text


def _inflated(data: bytes) -> bytes:
    return zlib.decompressobj().decompress(data, _MAX_TEXT_BYTES)


def raw_profile(info: Mapping[object, object], *names: str) -> bytes | None:
    """Return a profile that ImageMagick wrote as hexadecimal text: "exif", "iptc", "xmp"...

    The text is the name, the size in bytes and the digits, each on lines of its own.
    """
    for name in names:
        text = info.get(f"Raw profile type {name}")
        if isinstance(text, str) and len(text) <= 2 * _MAX_TEXT_BYTES:
            return bytes.fromhex("".join(text.split()[2:]))
    return None


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Return the kind of each chunk, where its data starts and where it ends."""
    position, size = _SIGNATURE_BYTES, len(data)
    for _ in range(_MAX_CHUNKS):
        start = position + 8
        if start > size:
            return
        end = start + int.from_bytes(data[position : position + 4], "big")
        yield data[position + 4 : start], start, end
        position = end + 4
