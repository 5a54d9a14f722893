"""What the formats share: the words, the error, and blanking byte ranges in place.

Ranges are (start, end) in bytes, end excluded.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

Range = tuple[int, int]

WORDS = frozenset(
    (
        "exif",  # a whole EXIF block, or a TIFF's EXIF directory
        "gps",  # coordinates: EXIF's GPS directory, XMP's GPS properties, GeoTIFF tags
        "makernote",  # what only the camera's maker can read
        "thumbnail",  # a small copy of the picture
        "xmp",  # a whole XMP packet
        "iptc",  # a whole IPTC or Photoshop block
        "place",  # names of places in XMP or IPTC
        "comment",  # JPEG and GIF comments
        "text",  # PNG's text chunks, GIF's plain text, a TIFF's descriptive tags
        "trailing",  # bytes behind the end of the picture
        "other",  # application data and private chunks
    )
)
"""The vocabulary of Stripped.removed."""


class CannotStrip(Exception):
    """Raised when a file's structure is damaged: CannotStrip(why). Nothing was changed."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why

    def __str__(self) -> str:
        return f"Its metadata cannot be removed safely: {self.why}."


def blank(buffer: bytearray, start: int, end: int, fill: bytes = b"\0") -> bool:
    """Overwrite a range, cut to the buffer, with one byte; tell whether that changed anything."""
    start, end = max(0, start), min(end, len(buffer))
    if end <= start:
        return False
    blanks = fill * (end - start)
    if buffer[start:end] == blanks:
        return False
    buffer[start:end] = blanks
    return True


def gather(buffer: bytes | bytearray, ranges: Iterable[Range]) -> bytearray:
    """Return the bytes of the ranges, one after the other."""
    piece = bytearray()
    for start, end in ranges:
        piece += buffer[start:end]
    return piece


def scatter(buffer: bytearray, ranges: Iterable[Range], piece: bytes | bytearray) -> None:
    """Put back what gather() took from the same ranges."""
    position = 0
    for start, end in ranges:
        buffer[start:end] = piece[position : position + end - start]
        position += end - start


def merged(ranges: Iterable[Range]) -> list[Range]:
    """Return the ranges in order, with those that touch or overlap made one."""
    result: list[Range] = []
    for start, end in sorted(ranges):
        if result and start <= result[-1][1]:
            result[-1] = result[-1][0], max(end, result[-1][1])
        elif start < end:
            result.append((start, end))
    return result


def refuse_overlaps(changed: Sequence[Range], kept: Iterable[Range]) -> None:
    """Raise CannotStrip when a byte is both to be changed and to be kept. O(n log n)."""
    disjoint = merged(changed)
    starts = [start for start, _ in disjoint]
    for start, end in kept:
        index = bisect_left(starts, end) - 1
        if start < end and index >= 0 and disjoint[index][1] > start:
            raise CannotStrip("what is to be removed overlaps with what is to be kept")


def mentions_place(text: bytes | bytearray) -> bool:
    """Tell whether text of an unknown kind names coordinates."""
    if b"GPS" in text:
        return True
    lower = text.lower()
    return b"latitude" in lower or b"longitude" in lower or b"gpslat" in lower
