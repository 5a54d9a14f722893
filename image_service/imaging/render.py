"""Variants: an original's pixels cut, resized, turned, filtered and encoded as a transform says.

Runs in worker processes only; what is opened here has passed `probe` when it was uploaded.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

from PIL import Image

from ..domain.formats import TURNED_BY_DECODER, Format, sniff
from ..domain.geometry import Plan, crop_box, plan, position, source_box
from ..domain.image import PictureFacts
from ..domain.mezzanine import Mezzanine, Use, mezzanine_of
from ..domain.transform import Transform, Trim
from ..domain.turns import UPRIGHT, Box, Size, before_turn, combined, then, turned_size
from ..domain.variant_ports import Rendering
from ..errors import TooManyFrames, TooManyPixels
from . import color, decoders, mezzanine, smart, vips
from . import trim as trimming
from .compose import composed
from .encode import encode, possible_format, takes_alpha, takes_profile
from .filters import filtered
from .frames import Frames, plays, read_frames, same_mode
from .limits import Limits
from .notes import kept_notes
from .probe import translated
from .scaling import draft, resized

_ANIMATED = frozenset((Format.GIF, Format.WEBP, Format.PNG, Format.AVIF))
_OVERVIEW_PX = 320
# What undoes a turn, where that is not the turn itself.
_BACK = {6: 8, 8: 6}


@dataclass(frozen=True)
class Source:
    """An original: what the catalogue knows about it, and its bytes or its mezzanine's."""

    data: bytes
    facts: PictureFacts
    mezzanine: Use = Use.NONE

    @property
    def data_format(self) -> Format:
        """The format of the bytes."""
        if self.mezzanine is Use.SOURCE and self.reduction:
            return self.reduction.format
        return self.facts.format

    @functools.cached_property
    def reduction(self) -> Mezzanine | None:
        """What the mezzanine is, where it is used or wanted."""
        return None if self.mezzanine is Use.NONE else mezzanine_of(self.facts)


def render(
    source: Source,
    transform: Transform,
    limits: Limits,
    *,
    watermark: bytes | None = None,
    shrink_on_load: bool = True,
) -> Rendering:
    """Return the variant of an original.

    Args:
        transform: with format and quality resolved. watermark: a picture's file.
        shrink_on_load: decode a JPEG no larger than it is needed, see scaling.draft().
    Raises: CorruptImage, TooManyPixels, TooManyFrames; MemoryError.
    """
    assert transform.format
    with translated(limits), decoders.opened(source.data, source.data_format) as picture:
        opened = _Opened(picture, source, transform)
        left = opened.reduce() if source.mezzanine is Use.MAKE else b""
        mark = _watermark(watermark) if watermark and transform.watermark else None
        frames = _Renderer(opened, transform, limits, mark, shrink_on_load).frames()
        # Behind the decoding: a PNG may tell after its pixels.
        notes = kept_notes(picture, source.data, transform, opened.kept_profile)
        for each in frames.pictures:
            each.info = {}  # Pillow's writers would take from it what is not to be kept
    size = frames.first.size
    format_ = possible_format(
        transform.format,
        size,
        has_alpha=frames.first.mode == "RGBA",
        is_animated=len(frames.pictures) > 1,
    )
    try:
        data = encode(
            frames,
            format_,
            transform.quality,
            max_bytes=transform.max_bytes,
            auto_quality=transform.auto_quality,
            colors=transform.colors,
            notes=notes,
        )
    except (OSError, ValueError) as exc:
        raise MemoryError from exc  # so encoders tell of memory that they do not get
    return Rendering(data, format_, *size, left)


class _Opened:
    """An original that is open, perhaps reduced, and how it must be turned.

    full: the size that it stands for, lying as it is stored; zoom: what it is of that, across and
    down, None for all.
    upright: the turn that shows it as it was photographed; asked: what is asked for on top of it;
    turn: both. profile: of the stored colours. kept_profile: the same where the variant's are, too.
    """

    def __init__(self, picture: Image.Image, source: Source, transform: Transform) -> None:
        self.picture = picture
        self.source = source
        self.full = Size(*picture.size)
        self.zoom: tuple[float, float] | None = None
        if source.mezzanine is Use.SOURCE and source.reduction:
            self._stands_for(source.reduction)
        self.upright = _upright(source.facts, transform)
        self.asked = combined(
            UPRIGHT,
            clockwise=transform.rotate,
            flip_horizontal=transform.flip_horizontal,
            flip_vertical=transform.flip_vertical,
        )
        self.turn = then(self.upright, self.asked)
        self.profile: bytes | None = picture.info.get("icc_profile")
        assert transform.format
        # Of RGB alone: all else becomes sRGB.
        keeps = picture.mode in ("RGB", "RGBA") and takes_profile(transform.format)
        strips = transform.strip_color_profile
        self.kept_profile = self.profile if keeps and not strips else None

    def reduce(self) -> bytes:
        """Go on with the mezzanine of an original, where it can have one; return its file."""
        source, wanted = self.source, self.source.reduction
        pixels = mezzanine.reduced(source.data, self.picture, wanted) if wanted else None
        if wanted is None or pixels is None:
            return b""
        # What variants keep, and the profile, which they are converted from.
        kept = kept_notes(self.picture, source.data, Transform(), self.profile)
        self.picture = pixels
        self._stands_for(wanted)
        return mezzanine.written(pixels, wanted, kept)

    def _stands_for(self, reduction: Mezzanine) -> None:
        self.full, self.zoom = reduction.full, reduction.zoom


def _upright(facts: PictureFacts, transform: Transform) -> int:
    """Return the turn from the decoded pixels to how they are to be seen, before what is asked."""
    if facts.format not in TURNED_BY_DECODER:
        return facts.orientation if transform.auto_rotate else UPRIGHT
    if facts.format is Format.TIFF and not transform.auto_rotate:
        return _BACK.get(facts.orientation, facts.orientation)
    return UPRIGHT


class _Pixels:
    """A picture's pixels, decoded no sooner than somebody looks at them."""

    def __init__(self, picture: Image.Image, opened: _Opened, *, is_exact: bool) -> None:
        self._picture = picture
        self._is_exact = is_exact
        self._data = opened.source.data
        self._zoom = opened.zoom
        is_still = opened.source.facts.frames == 1 and picture is opened.picture
        self._is_png = is_still and picture.format == "PNG"
        self._is_jpeg = is_still and opened.source.facts.format is Format.JPEG

    @functools.cached_property
    def whole(self) -> Image.Image:
        """All of them, plain."""
        fast = vips.decoded(self._data, self._picture) if self._is_png else None
        return fast or color.plain(self._picture)

    def resized(self, stored: Size, box: Box, result: Size, turn: int) -> Image.Image:
        """See scaling.resized."""
        is_decoded = "whole" in vars(self)
        is_shrunk = self._picture.size != stored
        if (self._is_png or self._is_jpeg) and not is_decoded and not is_shrunk:
            size = turned_size(result, turn)
            fast = vips.resized_file(self._data, self._picture, size, box)
            if fast:
                return fast
        return resized(
            self.whole, stored, box, result, turn, zoom=self._zoom, is_exact=self._is_exact
        )


class _Renderer:
    """Renders the frames of one original."""

    def __init__(
        self,
        opened: _Opened,
        transform: Transform,
        limits: Limits,
        watermark: Image.Image | None,
        shrink_on_load: bool,
    ) -> None:
        self._opened = opened
        self._transform = transform
        self._limits = limits
        self._watermark = watermark
        self._shrink_on_load = shrink_on_load
        # Found once: the frames of an animation all show the same part.
        self._smart_crop: tuple[int, int] | None = None
        self._smart_result: tuple[int, int] | None = None

    def frames(self) -> Frames:
        """Return the finished frames: of an animation all, where the new format has them, too."""
        facts, format_ = self._opened.source.facts, self._transform.format
        if facts.frames > 1 and facts.format in _ANIMATED and format_ in _ANIMATED:
            return self._animation()
        return Frames([self._still()])

    def _animation(self) -> Frames:
        picture, facts = self._opened.picture, self._opened.source.facts
        transform = replace(self._transform, trim=None)  # frames would differ in size
        size = turned_size(Size(*picture.size), self._opened.turn)
        self._check(plan(size, transform), frames=facts.frames)
        pictures, durations_ms = [], []
        for pixels, duration_ms in read_frames(picture, facts.frames):
            pictures.append(self._from_pixels(pixels, transform, self._opened.turn))
            durations_ms.append(duration_ms)
        return Frames(same_mode(pictures), durations_ms, plays(picture, facts.format))

    def _still(self) -> Image.Image:
        return self._trimmed(self._transform.trim) if self._transform.trim else self._from_file()

    def _trimmed(self, trim: Trim) -> Image.Image:
        opened = self._opened
        upright = color.turned(color.plain(opened.picture), opened.upright)
        box = trimming.found(color.to_srgb(upright, opened.profile), trim)
        inner = upright.crop(box) if box else upright
        return self._from_pixels(inner, self._transform, opened.asked)

    def _from_file(self) -> Image.Image:
        """Render without decoding more of a JPEG than is needed."""
        opened, turn = self._opened, self._opened.turn
        picture, stored = opened.picture, opened.full
        planned = plan(turned_size(stored, turn), self._transform)
        self._check(planned)
        is_jpeg = opened.source.facts.format is Format.JPEG
        if is_jpeg and opened.zoom is None and self._shrink_on_load:
            stored_crop, stored_scaled = (
                (planned.crop, planned.scaled)
                if turned_size(stored, turn) == stored
                else (planned.crop.swapped, planned.scaled.swapped)
            )
            draft(picture, stored_crop, stored_scaled)
        return self._finished(picture, stored, planned, self._transform, turn)

    def _from_pixels(self, picture: Image.Image, transform: Transform, turn: int) -> Image.Image:
        stored = Size(*picture.size)
        planned = plan(turned_size(stored, turn), transform)
        self._check(planned)
        return self._finished(picture, stored, planned, transform, turn)

    def _finished(
        self,
        picture: Image.Image,
        stored: Size,
        planned: Plan,
        transform: Transform,
        turn: int,
    ) -> Image.Image:
        """Take a picture through all steps.

        Args: stored: the size it has in full; it may be open at a smaller one.
        """
        pixels = _Pixels(picture, self._opened, is_exact=not self._shrink_on_load)
        whole = turned_size(stored, turn)
        region = self._region(pixels, whole, planned, turn)
        left, top = self._result_position(pixels, whole, region, planned, turn)
        box = before_turn(source_box(region, planned, left, top), turn, stored)
        upright = color.turned(pixels.resized(stored, box, planned.result, turn), turn)
        converted = self._converted(upright)
        return composed(
            filtered(converted, transform),
            planned,
            transform,
            keeps_alpha=takes_alpha(transform.format or Format.PNG),
            watermark=self._watermark,
        )

    def _converted(self, picture: Image.Image) -> Image.Image:
        """Return picture in RGB or RGBA: in sRGB, or in a space of its own that is kept."""
        profile = None if self._opened.kept_profile else self._opened.profile
        return color.to_srgb(picture, profile)

    def _find(
        self, pixels: _Pixels, whole: Size, region: Box, inner: tuple[float, float], turn: int
    ) -> tuple[float, float]:
        """Return where in a region its most striking part of this size begins.

        All in px of the whole upright picture, which pixels show at any scale before turning.
        """
        all_of_them = pixels.whole
        factor = max(1, min(all_of_them.size) // _OVERVIEW_PX)
        small = all_of_them.reduce(factor) if factor > 1 else all_of_them
        upright = color.turned(color.to_srgb(small, None), turn)
        x, y = upright.width / whole.width, upright.height / whole.height
        left, top = round(region.left * x), round(region.top * y)
        right, bottom = round(region.right * x), round(region.bottom * y)
        part = upright.crop((left, top, max(left + 1, right), max(top + 1, bottom)))
        seen = Size(
            max(1, min(part.width, round(inner[0] * x))),
            max(1, min(part.height, round(inner[1] * y))),
        )
        found = smart.find(part, seen)
        return found[0] / x, found[1] / y

    def _region(self, pixels: _Pixels, whole: Size, planned: Plan, turn: int) -> Box:
        """Return the part of the upright picture that is cut out first."""
        gravity = self._transform.crop_gravity or self._transform.gravity
        if gravity.kind != "sm" or planned.crop == whole:
            return crop_box(whole, planned, self._transform)
        if self._smart_crop is None:
            everything = Box(0, 0, *whole)
            left, top = self._find(pixels, whole, everything, planned.crop, turn)
            self._smart_crop = (
                min(round(left), whole.width - planned.crop.width),
                min(round(top), whole.height - planned.crop.height),
            )
        left, top = self._smart_crop
        return Box(left, top, left + planned.crop.width, top + planned.crop.height)

    def _result_position(
        self, pixels: _Pixels, whole: Size, region: Box, planned: Plan, turn: int
    ) -> tuple[int, int]:
        """Return left and top of the result within the scaled region."""
        scaled, result = planned.scaled, planned.result
        gravity = self._transform.gravity
        if gravity.kind != "sm" or result == scaled:
            return position(scaled, result, gravity, planned.dpr)
        if self._smart_result is None:
            x, y = region.size[0] / scaled.width, region.size[1] / scaled.height
            inner = (result.width * x, result.height * y)
            left, top = self._find(pixels, whole, region, inner, turn)
            self._smart_result = (
                min(round(left / x), scaled.width - result.width),
                min(round(top / y), scaled.height - result.height),
            )
        return self._smart_result

    def _check(self, planned: Plan, *, frames: int = 1) -> None:
        """Refuse what would be larger than an original may be."""
        limits = self._limits
        for width, height in (planned.final, planned.result):
            if width * height > limits.max_pixels:
                raise TooManyPixels("max_pixels", limits.max_pixels, width * height)
            if frames > 1 and frames * width * height > limits.max_frames_pixels:
                actual = frames * width * height
                raise TooManyFrames("max_frames_pixels", limits.max_frames_pixels, actual)


def _watermark(data: bytes) -> Image.Image:
    format_ = sniff(data)
    assert format_
    with decoders.opened(data, format_) as picture:
        profile = picture.info.get("icc_profile")
        return color.to_srgb(color.plain(picture), profile).convert("RGBA")
