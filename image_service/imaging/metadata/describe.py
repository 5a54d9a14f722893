"""The one entry of metadata: everything a file tells about its picture, told safely."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from PIL import Image, ImageCms

from ...domain.description import Description
from ...domain.formats import Format
from . import png, storage, tags
from .exif import read_exif
from .gif import GifBlocks, read_gif
from .gps import location_from_exif
from .guard import guarded
from .icc import profile_name
from .ifd import Block, read_block
from .iptc import read_iptc
from .values import any_text
from .words import Words, merge, words_of_exif, words_of_png
from .xmp import Xmp, read_xmp

_MAX_IPTC_BYTES = 1024 * 1024
_MAX_XMP_BYTES = 1024 * 1024 + 1
_PHOTOSHOP_IPTC = 0x0404
_IIM_MARKER = b"\x1c"


def describe(picture: Image.Image, format_: Format, data: bytes) -> Description:
    """Return what the file tells about its picture. Decodes no pixels; nothing hostile raises.

    Args:
        picture: just opened, at its first frame. format_: the format of data, the whole file.
    Raises: MemoryError.
    """
    info: Mapping[Any, Any] = picture.info
    if format_ is Format.PNG:
        info = {**guarded({}, png.late_texts, data), **info}
    block = guarded(None, _block, info, format_, data)
    gif = guarded(None, read_gif, data) if format_ is Format.GIF else None
    exif = guarded({}, read_exif, block) if block else {}
    packet = guarded(None, _xmp_packet, info, block, gif)
    xmp = guarded(Xmp(), read_xmp, packet) if packet else Xmp()
    words = _words(info, format_, xmp.words, block, exif)
    location = guarded(None, location_from_exif, block) if block else None
    icc = info.get("icc_profile")
    return Description(
        exif=exif,
        location=location or xmp.location,
        orientation=guarded(1, _orientation, block) if block else 1,
        title=words.title,
        description=words.description,
        creator=words.creator,
        keywords=words.keywords,
        rights=words.rights,
        comment=words.comment,
        dpi=guarded(None, storage.dpi, info, format_, block),
        icc_profile=guarded(None, profile_name, icc) if icc else None,
        bit_depth=guarded(8, storage.bit_depth, picture, format_, data, block),
        loop_count=guarded(None, storage.loop_count, picture, format_, data, gif),
    )


def warm_up() -> None:
    """Load what Python and Pillow load at first use. Once per process, while files still open."""
    for codec in ("utf-8", "latin-1", "ascii", "utf-16", "utf-16-le", "utf-16-be"):
        "a".encode(codec).decode(codec)
    "あ".encode("iso2022_jp").decode("iso2022_jp")  # tables of its own
    srgb = io.BytesIO()
    with Image.new("RGB", (1, 1)) as picture:
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        picture.save(srgb, "PNG", icc_profile=profile)
    with Image.open(srgb) as picture:
        describe(picture, Format.PNG, srgb.getvalue())


def _block(info: Mapping[Any, Any], format_: Format, data: bytes) -> Block | None:
    if format_ is Format.TIFF:
        return read_block(data)
    exif = info.get("exif")
    if exif is None and format_ is Format.PNG:
        exif = png.raw_profile(info, "exif", "APP1")
    return read_block(exif) if isinstance(exif, bytes) else None


def _xmp_packet(
    info: Mapping[Any, Any], block: Block | None, gif: GifBlocks | None
) -> bytes | None:
    packet = gif.xmp if gif else info.get("xmp")
    if isinstance(packet, bytes):
        return packet
    entry = block.ifd0.get(tags.XMP) if block else None
    if block and entry:
        return block.raw(entry, _MAX_XMP_BYTES)
    return png.raw_profile(info, "xmp")


def _iptc_record(info: Mapping[Any, Any], block: Block | None) -> bytes | None:
    photoshop = info.get("photoshop")
    if isinstance(photoshop, dict):
        record = photoshop.get(_PHOTOSHOP_IPTC)
        return record if isinstance(record, bytes) else None
    entry = block.ifd0.get(tags.IPTC) if block else None
    if block and entry:
        return block.raw(entry, _MAX_IPTC_BYTES)
    profile = png.raw_profile(info, "iptc")
    # ImageMagick keeps the Photoshop resource around the record
    return profile[max(0, profile.find(_IIM_MARKER)) :] if profile else None


def _words(
    info: Mapping[Any, Any],
    format_: Format,
    of_xmp: Words,
    block: Block | None,
    exif: Mapping[str, Any],
) -> Words:
    sources = [of_xmp]
    record = guarded(None, _iptc_record, info, block)
    if record:
        sources.append(guarded(Words(), read_iptc, record))
    if format_ is Format.PNG:
        # A comment in the format's own place counts before EXIF's; other words behind it.
        chunks = guarded(Words(), words_of_png, info)
        sources += [Words(comment=chunks.comment), words_of_exif(exif), chunks]
    else:
        own = Words(comment=any_text(info.get("comment")))
        sources += [own, words_of_exif(exif)]
    return merge(sources)


def _orientation(block: Block) -> int:
    entry = block.ifd0.get(tags.ORIENTATION)
    value = block.number(entry) if entry else None
    return int(value) if value is not None and value in range(1, 9) else 1
