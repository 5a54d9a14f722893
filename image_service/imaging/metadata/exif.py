"""EXIF tags as JSON values: IFD0 and the Exif IFD, each tag read and guarded on its own."""

from __future__ import annotations

import json

from ...domain.description import ExifValue
from . import ifd, tags
from .dates import to_rfc3339
from .guard import guarded
from .ifd import Block, Entry
from .tags import Kind
from .values import MAX_JSON_BYTES, decode_text, decode_utf16

_MAX_READ_BYTES = 8_008  # 2,000 characters of 4 bytes, and a character code
_CODE_BYTES = 8
_MAX_CODES = 4
_TEXTUAL = (ifd.ASCII, ifd.UTF8, ifd.BYTE, ifd.UNDEFINED)

_Entries = dict[int, Entry]


def read_exif(block: Block) -> dict[str, ExifValue]:
    """Return the tags of block by their EXIF names: those of NAMES, up to 32 KiB of JSON.

    Where both directories have a tag, IFD0's counts, as it does for the orientation.
    """
    inner = guarded({}, block.sub_directory, tags.EXIF_IFD)
    entries = {**block.ifd0, **inner, **block.ifd0}
    found: dict[str, ExifValue] = {}
    for tag in entries:
        name, kind = tags.NAMES.get(tag, ("", None))
        value = guarded(None, _read, block, entries, tag, kind) if kind else None
        if value is not None:
            found[name] = value
    return found if len(json.dumps(found)) <= MAX_JSON_BYTES else _cut(found)


def _cut(found: dict[str, ExifValue]) -> dict[str, ExifValue]:
    """Return the tags that fit, short ones before long ones."""
    sizes = {name: len(json.dumps({name: value})) for name, value in found.items()}
    kept, room = set(), MAX_JSON_BYTES
    for name in sorted(found, key=sizes.__getitem__):
        room -= sizes[name]
        if room >= 0:
            kept.add(name)
    return {name: value for name, value in found.items() if name in kept}


def _read(block: Block, entries: _Entries, tag: int, kind: Kind) -> ExifValue | None:
    entry = entries[tag]
    if kind is Kind.NUMBERS:
        return _numbers(block, entry)
    if kind is Kind.CODES:
        return _numbers(block, entry) if entry.number <= _MAX_CODES else None
    if kind is Kind.DATE:
        return _date(block, entries, tag)
    if entry.kind not in _TEXTUAL:
        return None
    raw = block.raw(entry, _MAX_READ_BYTES)
    if kind is Kind.COMMENT:
        return _comment(raw, block.order)
    if kind is Kind.UTF16:
        return decode_utf16(raw, "utf-16-le")
    if kind is Kind.VERSION:
        digits = raw.rstrip(b"\0")
        return digits.decode("ascii") if len(digits) == 4 and digits.isdigit() else None
    return decode_text(raw)


def _numbers(block: Block, entry: Entry) -> ExifValue | None:
    if entry.kind == ifd.UNDEFINED and entry.number > _MAX_CODES:
        return None  # a blob where numbers belong
    numbers = block.numbers(entry)
    return numbers[0] if numbers and len(numbers) == 1 else numbers


def _text(block: Block, entry: Entry | None) -> str | None:
    if entry is None or entry.kind not in _TEXTUAL:
        return None
    return decode_text(block.raw(entry, _MAX_READ_BYTES))


def _date(block: Block, entries: _Entries, tag: int) -> str | None:
    text = _text(block, entries[tag])
    fraction, offset = (_text(block, entries.get(part)) for part in tags.DATE_PARTS[tag])
    return to_rfc3339(text, fraction, offset) if text else None


def _comment(raw: bytes, order: str) -> str | None:
    """Return a UserComment's text: 8 bytes name its characters (EXIF 3.0, 4.6.6.4)."""
    code, text = raw[:_CODE_BYTES].rstrip(b"\0 "), raw[_CODE_BYTES:]
    if code == b"UNICODE":
        return decode_utf16(text, _utf16_order(text, order))
    if code == b"JIS":
        return decode_text(text.decode("iso2022_jp").encode())
    if code in (b"ASCII", b""):
        return decode_text(text)
    return decode_text(raw)  # written without a code


def _utf16_order(text: bytes, order: str) -> str:
    """Tell in which order a UserComment's bytes are: the file's, but many programs write another.

    Letters of most scripts have more zeros, or more like values, among their high bytes.
    """
    even, odd = text[::2].count(0), text[1::2].count(0)
    if even == odd:
        return "utf-16-le" if order == "<" else "utf-16-be"
    return "utf-16-be" if even > odd else "utf-16-le"
