"""PNG and APNG: ancillary chunks.

Sources: PNG 3rd edition, 5.3 and 11.3; XMP part 3, 1.1.5; ImageMagick's "Raw profile" texts.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from . import exif, iptc, xmp
from .parts import CannotStrip, mentions_place

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CRITICAL = frozenset((b"IHDR", b"PLTE", b"IDAT", b"IEND"))
_SHOWN = _CRITICAL | frozenset(
    (b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"mDCV", b"mDCv", b"cLLI", b"cLLi",
     b"sBIT", b"bKGD", b"hIST", b"pHYs", b"sPLT", b"acTL", b"fcTL", b"fdAT")
)  # fmt: skip
_TEXTS = frozenset((b"tEXt", b"zTXt", b"iTXt"))
_XMP_KEYWORD = b"XML:com.adobe.xmp"
_MAX_CHUNKS = 50_000
_MAX_TEXT_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class _Chunk:
    """A chunk in data[start:end], its length and checksum included."""

    kind: bytes
    start: int
    end: int


class _Texts:
    """Inflates text chunks, no more than so many bytes of one file's."""

    def __init__(self) -> None:
        self._left = _MAX_TEXT_BYTES

    def inflate(self, data: bytes) -> bytes | None:
        """Return the text, or None when it is damaged or too long."""
        try:
            text = zlib.decompressobj().decompress(data, self._left + 1)
        except zlib.error:
            return None
        self._left = max(0, self._left - len(text))
        return text if self._left else None


def strip_all(data: bytes) -> tuple[bytes, set[str]]:
    """Return the PNG without metadata, and the words for what that was. Raises: CannotStrip."""
    words: set[str] = set()
    parts: list[bytes | memoryview] = [_SIGNATURE]
    view, texts = memoryview(data), _Texts()
    oriented = False
    end = len(_SIGNATURE)
    for chunk in _chunks(data):
        end = chunk.end
        if chunk.kind in _SHOWN:
            parts.append(view[chunk.start : end])
            continue
        content = data[chunk.start + 8 : end - 4]
        least = b""
        if chunk.kind == b"eXIf" and not oriented:
            oriented = True
            orientation = exif.orientation(_without_exif_start(content))
            least = _chunk(b"eXIf", exif.minimal(orientation)) if orientation > 1 else b""
        parts.append(least)
        if least != data[chunk.start : end]:
            words |= _words(chunk.kind, content, texts)
    if end < len(data):
        words.add("trailing")
    return (b"".join(parts) if words else data), words


def strip_location(data: bytes) -> tuple[bytes, set[str]]:
    """Return the PNG without where it was taken, and the words for that. Raises: CannotStrip."""
    words: set[str] = set()
    parts: list[bytes | memoryview] = [_SIGNATURE]
    view, texts = memoryview(data), _Texts()
    end = len(_SIGNATURE)
    for chunk in _chunks(data):
        end = chunk.end
        part: bytes | memoryview = view[chunk.start : end]
        if chunk.kind not in _SHOWN:
            instead, found = _without_location(chunk.kind, data[chunk.start + 8 : end - 4], texts)
            if found:
                part = b"" if instead is None else _chunk(chunk.kind, instead)
            words |= found
        parts.append(part)
    parts.append(view[end:])
    return (b"".join(parts) if words else data), words


def _chunks(data: bytes) -> Iterator[_Chunk]:
    """Return the chunks up to IEND, which may be missing. Raises: CannotStrip."""
    if not data.startswith(_SIGNATURE):
        raise CannotStrip("it does not start as a PNG")
    position = len(_SIGNATURE)
    for _ in range(_MAX_CHUNKS):
        if position == len(data):
            return
        kind = data[position + 4 : position + 8]
        end = position + 12 + int.from_bytes(data[position : position + 4], "big")
        if end > len(data) or len(kind) < 4:
            raise CannotStrip("a chunk is cut off")
        if not kind[0] & 0x20 and kind not in _CRITICAL:
            raise CannotStrip("it has chunks that change the picture in unknown ways")
        yield _Chunk(kind, position, end)
        if kind == b"IEND":
            return
        position = end
    raise CannotStrip("it has too many chunks")


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return len(content).to_bytes(4, "big") + kind + content + checksum.to_bytes(4, "big")


def _words(kind: bytes, content: bytes, texts: _Texts) -> set[str]:
    """Return the words for a chunk that is removed, and for what it holds."""
    if kind == b"eXIf":
        return exif.words(_without_exif_start(content))
    word = "text" if kind in _TEXTS else "other"
    if kind in _TEXTS:
        keyword = content.partition(b"\0")[0]
        word = "xmp" if keyword == _XMP_KEYWORD else _raw_profile(keyword) or word
    return {word} | _without_location(kind, content, texts)[1]


def _without_exif_start(content: bytes) -> bytes:
    return content.removeprefix(b"Exif\0\0")  # some writers take it along from JPEG


def _without_location(kind: bytes, content: bytes, texts: _Texts) -> tuple[bytes | None, set[str]]:
    """Return a chunk's content, None to drop it, and the words for what went: none as it was."""
    if kind == b"eXIf":
        block = bytearray(_without_exif_start(content))
        words = exif.blank_location(block)
        return content[: len(content) - len(block)] + block, words
    if kind not in _TEXTS:
        return None, {"other"} if mentions_place(content) else set()
    start, text, compressed = _text(kind, content, texts)
    keyword = content.partition(b"\0")[0]
    if text is None:
        return None, {"text"}
    if keyword == _XMP_KEYWORD:
        packet = bytearray(text)
        words = xmp.blank_location(packet)
        return None if compressed else content[:start] + packet, words
    if _raw_profile(keyword):
        return None, _words_of_profile(keyword, text)
    return None, {"gps"} if mentions_place(keyword) or mentions_place(text) else set()


def _text(kind: bytes, content: bytes, texts: _Texts) -> tuple[int, bytes | None, bool]:
    """Return where a text starts, the text, None if it cannot be read, and if it is compressed."""
    start = content.find(b"\0") + 1
    if kind == b"tEXt":
        return start, content[start:], False
    compressed = kind == b"zTXt" or content[start : start + 1] == b"\1"
    if kind == b"zTXt":
        start += 1
    else:  # two flags, a language and a translated keyword
        language = content.find(b"\0", start + 2)
        start = content.find(b"\0", language + 1) + 1
    if compressed:
        return start, texts.inflate(content[start:]), True
    return start, content[start:], False


def _raw_profile(keyword: bytes) -> str:
    """Return the word for the profile that a text of this keyword holds, or ""."""
    kind = keyword.lower().removeprefix(b"raw profile type ")
    kinds = {b"exif": "exif", b"app1": "exif", b"xmp": "xmp", b"iptc": "iptc", b"8bim": "iptc"}
    return kinds.get(kind, "") if kind != keyword.lower() else ""


def _words_of_profile(keyword: bytes, text: bytes) -> set[str]:
    """Return the words for places in a profile; it is a name, a length and hexadecimal digits."""
    try:
        raw = bytes.fromhex(b"".join(text.split(b"\n")[3:]).decode("ascii"))
    except ValueError:
        return {_raw_profile(keyword)}
    xmp_start = raw.find(b"http://ns.adobe.com/xap/1.0/\0")
    if _raw_profile(keyword) == "xmp" or xmp_start >= 0:
        return xmp.blank_location(bytearray(raw[max(0, xmp_start) :].partition(b"\0")[2] or raw))
    if _raw_profile(keyword) == "exif":
        return exif.blank_location(bytearray(_without_exif_start(raw)))
    if raw.startswith(b"Photoshop 3.0\0"):
        raw = raw[14:]
    piece = bytearray(raw)
    if raw.startswith(b"8BIM"):
        return iptc.blank_resources(piece, exif.blank_location)
    return iptc.blank_datasets(piece)
