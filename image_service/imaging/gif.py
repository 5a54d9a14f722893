"""GIFs: colours for every frame, and frames laid out so that all viewers show the same.

Format: GIF89a (CompuServe, 1990) and the Netscape extension for repeats. Pillow compresses; of
several frames with transparency it would make too much one.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageChops

from .frames import Frames, gif_durations_ms, merged

_MAX_FRAME_MS = 655_350
_MAX_COLORS = 256
_HALF_OPAQUE = 128
_STAY, _CLEAR = 1, 2  # what becomes of a frame before the next is shown
_ONE_PX = (0, 0, 1, 1)

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class _Indexed:
    """A picture of mode P: its colours, 3 bytes each, and the index that is transparent if any."""

    picture: Image.Image
    colors: bytes
    transparent: int | None

    @property
    def bits(self) -> int:
        """How many bits it takes to tell a colour, at least 1."""
        number = len(self.colors) // 3 + (self.transparent is not None)
        return max(1, (number - 1).bit_length())

    @property
    def table(self) -> bytes:
        """Its colours as a file has them."""
        return self.colors.ljust(3 << self.bits, b"\0")


def write(frames: Frames) -> bytes:
    """Return a GIF; what is more transparent than not is so in it, the rest is opaque."""
    shown = merged(frames, _MAX_FRAME_MS)
    masks = [_transparent_part(picture) for picture in shown.pictures]
    has_holes = any(masks)
    images = [
        _indexed(picture, mask, has_holes)
        for picture, mask in zip(shown.pictures, masks, strict=True)
    ]
    boxes = _filled(images, masks) if has_holes else _changed(images)
    durations_ms = gif_durations_ms(shown.durations_ms) or [0]
    head = _head(images[0], shown.plays if len(images) > 1 else 1)
    afterwards = _CLEAR if has_holes else _STAY
    written = [
        _frame(image, box, duration_ms, afterwards)
        for image, box, duration_ms in zip(images, boxes, durations_ms, strict=True)
    ]
    return b"".join((head, *written, b";"))


def _transparent_part(picture: Image.Image) -> Image.Image | None:
    """Return a mask of what is more transparent than not, None if nothing is."""
    if picture.mode != "RGBA":
        return None
    mask = picture.getchannel("A").point([255] * _HALF_OPAQUE + [0] * (256 - _HALF_OPAQUE))
    return mask if mask.getbbox() else None


def _indexed(picture: Image.Image, mask: Image.Image | None, has_holes: bool) -> _Indexed:
    """Return a picture in the colours that suit it best; what lies between is dithered."""
    opaque = picture.convert("RGB")
    if mask:
        opaque.paste((0, 0, 0), mask=mask)  # what cannot be seen needs no colours
    number = _MAX_COLORS - 1 if has_holes else _MAX_COLORS
    found = opaque.quantize(number, method=Image.Quantize.MEDIANCUT)
    if not opaque.getcolors(number):
        found = opaque.quantize(palette=found, dither=Image.Dither.FLOYDSTEINBERG)
    colors = bytes(found.getpalette() or b"")[: 3 * number]
    if not has_holes:
        return _Indexed(found, colors, None)
    transparent = len(colors) // 3
    if mask:
        found.paste(transparent, mask=mask)
    return _Indexed(found, colors, transparent)


def _filled(images: Sequence[_Indexed], masks: Sequence[Image.Image | None]) -> list[Box]:
    """Return the part of each picture that is not all transparent."""
    whole = (0, 0, *images[0].picture.size)
    seen = [ImageChops.invert(mask).getbbox() or _ONE_PX if mask else whole for mask in masks]
    return [whole, *seen[1:]]


def _changed(images: Sequence[_Indexed]) -> list[Box]:
    """Return the part of each picture that differs from the one before."""
    boxes: list[Box] = [(0, 0, *images[0].picture.size)]
    before = images[0].picture.convert("RGB")
    for image in images[1:]:
        now = image.picture.convert("RGB")
        boxes.append(ImageChops.difference(before, now).getbbox() or _ONE_PX)
        before = now
    return boxes


def _head(first: _Indexed, plays: int) -> bytes:
    flags = 0xF0 | first.bits - 1  # viewers that know no tables of frames have at least this one
    head = b"GIF89a" + struct.pack("<HHBBB", *first.picture.size, flags, 0, 0) + first.table
    if plays == 1:
        return head
    # It tells of repeats: without a word of them it is shown once; 0 is for ever.
    return head + b"!\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<Hx", max(0, plays - 1))


def _frame(image: _Indexed, box: Box, duration_ms: int, afterwards: int) -> bytes:
    has_transparent = image.transparent is not None
    control = struct.pack(
        "<BHBx", afterwards << 2 | has_transparent, duration_ms // 10, image.transparent or 0
    )
    left, top, right, bottom = box
    place = struct.pack("<HHHHB", left, top, right - left, bottom - top, 0x80 | image.bits - 1)
    data = _compressed(image.picture.crop(box))
    return b"!\xf9\x04" + control + b"," + place + image.table + data


def _compressed(picture: Image.Image) -> bytes:
    """Return the indices of a picture of mode P as a GIF has them, behind its tables."""
    target = io.BytesIO()
    picture.info = {}
    picture.save(target, "GIF", optimize=False, interlace=0)
    file = target.getvalue()
    position = 13 + _table_bytes(file[10])
    while file[position : position + 1] == b"!":
        position += 2
        while file[position]:
            position += 1 + file[position]
        position += 1
    position += 10 + _table_bytes(file[position + 9])
    return file[position:-1]


def _table_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0
