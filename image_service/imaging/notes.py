"""Which of an original's metadata a variant keeps."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from PIL import Image

from ..domain.transform import Transform
from .metadata.ifd import ASCII, BYTE, UNDEFINED, UTF8, Block, read_block
from .strip import CannotStrip
from .strip.ifd import Structure

_ORIENTATION = 274
_PREFIX = b"Exif\0\0"
_COPYRIGHT = (315, 33432)  # Artist, Copyright
# Of a TIFF's tags those that tell of the picture; others tell how it is stored.
_TELLING = (269, 270, 271, 272, 305, 306, *_COPYRIGHT)
_TEXTS = (ASCII, BYTE, UNDEFINED, UTF8)
_MAX_TEXT_BYTES = 16_384
_TURN_IN_XMP = re.compile(rb"(tiff:Orientation\s*(?:=\s*[\"']|>\s*))[2-8]")


@dataclass(frozen=True)
class Notes:
    """What a file holds beside its pixels, None for nothing."""

    icc_profile: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None


def kept_notes(
    picture: Image.Image, data: bytes, transform: Transform, icc_profile: bytes | None
) -> Notes:
    """Return what of an original's metadata goes into the variant.

    A turn is never told of: the pixels are as they are to be seen.

    Args: data: the original's file.
    """
    exif = picture.info.get("exif")
    if not isinstance(exif, bytes):
        # A TIFF is itself what EXIF is in other files.
        exif = data if picture.format == "TIFF" else b""
    if transform.strip_metadata:
        return Notes(icc_profile, _chosen(exif, _COPYRIGHT) if transform.keep_copyright else None)
    kept = _chosen(exif, _TELLING) if exif is data else _unturned(exif)
    return Notes(icc_profile, kept, _whole_xmp(picture))


def _unturned(exif: bytes) -> bytes | None:
    """Return EXIF with all there is but a turn, None if it cannot be read."""
    block = bytearray(exif.removeprefix(_PREFIX))
    try:
        structure = Structure(block)
        directory = structure.directory(structure.first)
    except CannotStrip:
        return None
    start, end = directory.table
    block[start:end] = structure.without(directory, frozenset((_ORIENTATION,)))
    return _PREFIX + bytes(block)


def _chosen(exif: bytes, tags: tuple[int, ...]) -> bytes | None:
    """Return EXIF with these texts alone, None if there is none of them."""
    block = _block(exif)
    if not block:
        return None
    chosen = Image.Exif()
    for tag in tags:
        entry = block.ifd0.get(tag)
        text = (
            block.raw(entry, _MAX_TEXT_BYTES).rstrip(b"\0")
            if entry and entry.kind in _TEXTS
            else b""
        )
        if text.strip():
            # As bytes: Pillow would write a question mark for what is not ASCII, as © is.
            chosen[tag] = text
    return chosen.tobytes() if len(chosen) else None


def _block(data: bytes) -> Block | None:
    try:
        return read_block(data)
    except struct.error:
        return None


def _whole_xmp(picture: Image.Image) -> bytes | None:
    packet = picture.info.get("xmp")
    if isinstance(packet, str):
        packet = packet.encode()
    return _TURN_IN_XMP.sub(rb"\g<1>1", packet) if isinstance(packet, bytes) else None
