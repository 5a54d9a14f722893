"""Mezzanines: reduced copies of large originals, which small variants are made of.

Decoding a photograph takes longer than all else that a thumbnail needs, and pages ask for many
variants of one: sizes, densities, formats. The first leaves a mezzanine for the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from .formats import TURNED_BY_DECODER, Format
from .geometry import plan
from .image import PictureFacts
from .transform import Transform
from .turns import UPRIGHT, Size, combined, turned_size


class Use(Enum):
    """What a renderer does with an image's mezzanine: nothing, starts from it, makes it, too."""

    NONE = "none"
    SOURCE = "source"
    MAKE = "make"


NAME = "mezzanine1"
"""What one is kept as among an image's variants."""

GAP = 1.3
"""How many times larger than what is made of it a picture must at least be, to look as if all of
the original had been filtered (42 dB and more, where decoders scale by themselves)."""

_SERVED_PX = 512
# Where less than so many times its pixels are spared, it takes more room than it is worth.
_WORTH = 1.5
# A JPEG that is decoded at less than that takes hardly longer than its mezzanine.
_JPEG_DIVISORS = (8, 4)
_RESIZED_PX = 672
_LOSSLESS = frozenset((Format.PNG, Format.GIF))
_LOSSLESS_ORIGINALS = _LOSSLESS | {Format.TIFF, Format.BMP}
# Above it a second loss would show.
_MAX_QUALITY = 90


@dataclass(frozen=True)
class Mezzanine:
    """What an image's mezzanine is.

    format: of its file. size: in px, lying as the original does when a decoder has opened it;
    full: the original's. zoom: size as a share of full; of a JPEG that is decoded at 1/divisor
    it is exactly that, and what its last column and row show beyond is no part of the picture.
    """

    format: Format
    size: Size
    full: Size
    divisor: int = 0

    @property
    def zoom(self) -> tuple[float, float]:
        """The scale, across and down."""
        if self.divisor:
            return 1 / self.divisor, 1 / self.divisor
        return self.size.width / self.full.width, self.size.height / self.full.height


def mezzanine_of(facts: PictureFacts) -> Mezzanine | None:
    """Return what an original's mezzanine is, None if it is to have none."""
    if facts.frames != 1 or facts.animated:
        return None
    full = turned_size(Size(facts.width, facts.height), _upright(facts))
    if facts.format is Format.JPEG:
        return _of_jpeg(full)
    scale = min(1.0, _RESIZED_PX / max(full))
    size = Size(*(max(1, round(side * scale)) for side in full))
    if size.width * size.height * _WORTH > full.width * full.height:
        return None
    is_lossless = facts.has_alpha or facts.format in _LOSSLESS_ORIGINALS
    return Mezzanine(Format.PNG if is_lossless else Format.JPEG, size, full)


def _of_jpeg(full: Size) -> Mezzanine | None:
    for divisor in _JPEG_DIVISORS:
        size = Size(*(-(-side // divisor) for side in full))
        if max(size) >= _SERVED_PX * GAP and min(full) >= divisor:
            return Mezzanine(Format.JPEG, size, full, divisor)
    return None


def serves(mezzanine: Mezzanine, facts: PictureFacts, transform: Transform) -> bool:
    """Tell whether a variant made of a mezzanine is as good as one made of the original.

    Args: facts: the original's; transform: with format and quality resolved.
    """
    if transform.trim or not transform.auto_rotate:
        return False
    if not transform.strip_metadata or not transform.strip_color_profile:
        return False
    if mezzanine.format is Format.JPEG and (
        transform.format in _LOSSLESS or _best_quality(transform) > _MAX_QUALITY
    ):
        return False
    turn = combined(
        _upright(facts),
        clockwise=transform.rotate,
        flip_horizontal=transform.flip_horizontal,
        flip_vertical=transform.flip_vertical,
    )
    across, down = mezzanine.zoom
    shown = turned_size(mezzanine.full, turn)
    if shown != mezzanine.full:
        across, down = down, across
    planned = plan(shown, transform)
    return (
        planned.scaled.width * GAP <= planned.crop.width * across
        and planned.scaled.height * GAP <= planned.crop.height * down
    )


def _upright(facts: PictureFacts) -> int:
    return UPRIGHT if facts.format in TURNED_BY_DECODER else facts.orientation


def _best_quality(transform: Transform) -> int:
    return transform.auto_quality.high if transform.auto_quality else transform.quality
