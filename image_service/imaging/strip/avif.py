"""AVIF and HEIC: items and boxes of metadata, blanked in place; the file keeps its length.

Sources: ISO/IEC 23008-12, annex A (Exif and XMP items); ISO/IEC 14496-12, 8.10 (udta).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from . import exif, xmp
from .boxes import Box, Item, boxes, idat, items
from .parts import (
    CannotStrip,
    Range,
    blank,
    gather,
    mentions_place,
    merged,
    refuse_overlaps,
    scatter,
)

_XMP_TYPE = b"application/rdf+xml"
_CONTAINERS = frozenset((b"moov", b"trak", b"udta"))
_NEEDED = frozenset((b"ftyp", b"styp", b"meta", b"mdat", b"moov", b"moof", b"sidx", b"mfra"))
_PLACES = (b"\xa9xyz", b"loci")
_MAX_DEPTH = 4
_FREE = b"free"

_Blank = Callable[[bytearray], set[str]]


def strip_all(data: bytes) -> tuple[bytes, set[str]]:
    """Return the AVIF without metadata, and the words for what that was. Raises: CannotStrip."""
    return _strip(data, everything=True)


def strip_location(data: bytes) -> tuple[bytes, set[str]]:
    """Return the AVIF without where it was taken, and the words for that. Raises: CannotStrip."""
    return _strip(data, everything=False)


def _strip(data: bytes, *, everything: bool) -> tuple[bytes, set[str]]:
    if data[4:8] != b"ftyp":
        raise CannotStrip("it does not start as its kind does")
    found = list(_walk(data, 0, len(data), 0))
    metas = [box for box, _ in found if box.kind == b"meta"]
    all_items = [item for meta in metas for item in items(data, meta)]
    edits = [(item, _handler(item, everything)) for item in all_items]
    # An animation and its still picture may share one item.
    metadata = list({(_ranges(item), handler): None for item, handler in edits if handler})
    pictures = [each for item, handler in edits if not handler for each in item.ranges or ()]
    useless = [box for box, top in found if _is_useless(data, box, top, everything)]
    _check(data, [box for box, top in found if top], metas, metadata, pictures, useless)
    buffer = bytearray(data)
    words: set[str] = set()
    for ranges, handler in metadata:
        piece = gather(buffer, ranges)
        words |= handler(piece)
        scatter(buffer, ranges, piece)
    for box in useless:
        words |= _free(buffer, box)
    return (bytes(buffer) if words else data), words


def _walk(data: bytes, start: int, end: int, depth: int) -> Iterator[tuple[Box, bool]]:
    """Return the boxes that may be or hold metadata, and whether they are outermost."""
    for box in boxes(data, start, end):
        yield box, depth == 0
        if box.kind in _CONTAINERS and depth < _MAX_DEPTH and box.kind != b"udta":
            yield from _walk(data, box.body, box.end, depth + 1)


def _handler(item: Item, everything: bool) -> _Blank | None:
    """Return what blanks an item, or None for one that is part of a picture."""
    if item.kind == b"Exif":
        return _blank_exif if everything else _blank_exif_location
    if item.kind == b"mime" and item.content_type == _XMP_TYPE:
        return _blank_xmp if everything else xmp.blank_location
    if item.kind in (b"mime", b"uri "):
        return _blank_other if everything else _blank_other_location
    return None


def _ranges(item: Item) -> tuple[Range, ...]:
    if item.ranges is None:
        raise CannotStrip("another item or file holds its metadata")
    return item.ranges


def _is_useless(data: bytes, box: Box, top: bool, everything: bool) -> bool:
    """Tell whether a box goes as a whole: no picture needs it, and it may hold metadata."""
    if box.kind in _NEEDED or not (top or box.kind == b"udta"):
        return False
    if everything:
        return True
    content = data[box.body : box.end]
    return mentions_place(content) or any(each in content for each in _PLACES)


def _check(
    data: bytes,
    tops: list[Box],
    metas: list[Box],
    metadata: list[tuple[tuple[Range, ...], _Blank]],
    pictures: list[Range],
    useless: list[Box],
) -> None:
    """Raise CannotStrip when blanking would change anything but metadata."""
    changed = [each for ranges, _ in metadata for each in ranges]
    if any(end > len(data) for _, end in changed):
        raise CannotStrip("an item is cut off")
    if sum(end - start for start, end in changed) > sum(
        end - start for start, end in merged(changed)
    ):
        raise CannotStrip("its items overlap")
    payloads = [box for box in tops if box.kind == b"mdat"]
    payloads += [box for meta in metas if (box := idat(data, meta))]
    places = merged((box.body, box.end) for box in payloads)
    edges = [0, *(edge for place in places for edge in place), len(data)]
    structure = list(zip(edges[::2], edges[1::2], strict=True))
    refuse_overlaps(changed, structure + pictures)
    refuse_overlaps([(box.start, box.end) for box in useless], pictures)


def _free(buffer: bytearray, box: Box) -> set[str]:
    """Make of a box a free one full of zeros, as long as before; return the words."""
    renamed = buffer[box.start + 4 : box.start + 8] not in (_FREE, b"skip")
    if renamed:
        buffer[box.start + 4 : box.start + 8] = _FREE
    xmp_box = box.kind == b"uuid" and b"xmpmeta" in buffer[box.body : box.end]
    changed = blank(buffer, box.body, box.end) or renamed
    if not changed:
        return set()
    return {"xmp" if xmp_box else "other"}


def _exif_start(piece: bytearray) -> int:
    """Return where the TIFF header stands in an Exif item; its end if it tells a place beyond."""
    return min(4 + int.from_bytes(piece[:4], "big"), len(piece))


def _blank_exif(piece: bytearray) -> set[str]:
    block = bytes(piece[_exif_start(piece) :])
    least = bytes(4) + exif.minimal(exif.orientation(block))
    least = least.ljust(len(piece), b"\0") if len(piece) >= len(least) else bytes(len(piece))
    if piece == least:
        return set()
    piece[:] = least
    return exif.words(block)


def _blank_exif_location(piece: bytearray) -> set[str]:
    start = _exif_start(piece)
    block = piece[start:]
    words = exif.blank_location(block)
    piece[start:] = block
    if start < len(piece):
        return words
    return {"exif"} if blank(piece, 4, len(piece)) else set()


def _blank_xmp(piece: bytearray) -> set[str]:
    places = xmp.blank_location(bytearray(piece))
    return xmp.blank_whole(piece) | places


def _blank_other(piece: bytearray) -> set[str]:
    return {"other"} if blank(piece, 0, len(piece)) else set()


def _blank_other_location(piece: bytearray) -> set[str]:
    return _blank_other(piece) if mentions_place(piece) else set()
