"""Words in IPTC IIM, which Photoshop and newspapers put into JPEG and TIFF.

Pillow's own reader stops with an error at data that many files have, so this one is ours.
"""

from __future__ import annotations

from collections.abc import Iterator

from .values import clean_text, decode_text, unique_texts
from .words import Words

_MARKER = 0x1C
_HEADER_BYTES = 5
_EXTENDED = 0x8000
_MAX_DATASETS = 2_000
_CHARSET = (1, 90)
_TITLE, _KEYWORD, _CREATOR, _RIGHTS, _TEXT = (2, 5), (2, 25), (2, 80), (2, 116), (2, 120)
_WANTED = frozenset((_CHARSET, _TITLE, _KEYWORD, _CREATOR, _RIGHTS, _TEXT))
_LATIN_1 = (b"\x1b.A", b"\x1b-A")  # ISO 2022's names of the right half of ISO 8859-1


def read_iptc(data: bytes) -> Words:
    """Return the words of an IIM record (IIM 4.2, record 2); none from what is not one."""
    found: dict[tuple[int, int], list[bytes]] = {}
    for dataset, value in _datasets(data):
        if dataset in _WANTED:
            found.setdefault(dataset, []).append(value)
    latin = any(value in _LATIN_1 for value in found.get(_CHARSET, ()))

    def texts(dataset: tuple[int, int]) -> list[str | None]:
        return [
            clean_text(value.decode("latin-1")) if latin else decode_text(value)
            for value in found.get(dataset, ())
        ]

    return Words(
        title=next(filter(None, texts(_TITLE)), None),
        description=next(filter(None, texts(_TEXT)), None),
        creator=unique_texts(texts(_CREATOR)),
        keywords=unique_texts(texts(_KEYWORD)),
        rights=next(filter(None, texts(_RIGHTS)), None),
    )


def _datasets(data: bytes) -> Iterator[tuple[tuple[int, int], bytes]]:
    position = 0
    for _ in range(_MAX_DATASETS):
        header = data[position : position + _HEADER_BYTES]
        if len(header) < _HEADER_BYTES or header[0] != _MARKER:
            return
        size = int.from_bytes(header[3:5], "big")
        position += _HEADER_BYTES
        if size & _EXTENDED:  # then it is the number of bytes that tell the size
            more = size & ~_EXTENDED
            if more > 4:
                return
            size = int.from_bytes(data[position : position + more], "big")
            position += more
        if position + size > len(data):
            return
        yield (header[1], header[2]), data[position : position + size]
        position += size
