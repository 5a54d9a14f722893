"""Frames of animations: as they are read, and made ready for being written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from PIL import Image, ImageChops

from ..domain.formats import Format
from . import color
from .probe import frame_duration_ms

_UNTIMED_FRAME_MS = 100
_GIF_STEP_MS = 10
# Viewers show a frame of less for a tenth of a second.
_SHORTEST_GIF_MS = 20
_MAX_TOTAL_MS = 2**31 - 1
_MAX_PLAYS = 65_535


@dataclass(frozen=True)
class Frames:
    """A picture to be written, or the frames of an animation, each with how long it is shown.

    pictures: RGB or RGBA, all of one size. durations_ms: one each, empty for a still.
    plays: how many times an animation is shown, 0 for ever.
    """

    pictures: Sequence[Image.Image]
    durations_ms: Sequence[float] = ()
    plays: int = 0

    @property
    def first(self) -> Image.Image:
        """The first frame, or all there is."""
        return self.pictures[0]


def read_frames(picture: Image.Image, frames: int) -> Iterator[tuple[Image.Image, float]]:
    """Yield every frame that an animation shows, plain and for keeps, and its duration in ms."""
    size = picture.size
    # A PNG may have a picture of its own for those who know no animations.
    first = 1 if frames > 1 and picture.info.get("default_image") else 0
    for index in range(first, frames):
        picture.seek(index)
        picture.load()
        pixels = color.plain(picture)
        if pixels.size != size:
            pixels = pixels.crop((0, 0, *size))  # a GIF's frame may be larger than its canvas
        # The open picture itself turns into the next frame.
        pixels = pixels.copy() if pixels is picture else pixels
        yield pixels, frame_duration_ms(picture) or _UNTIMED_FRAME_MS


def plays(picture: Image.Image, format_: Format) -> int:
    """Return how many times an animation is shown, 0 for ever."""
    loop = picture.info.get("loop")
    if format_ is Format.GIF:
        # It tells of repeats, and none without the extension for it.
        return 1 if loop is None else min(loop + 1, _MAX_PLAYS) if loop else 0
    return min(loop or 0, _MAX_PLAYS)


def same_mode(pictures: list[Image.Image]) -> list[Image.Image]:
    """Return pictures, in RGBA if they differ in mode."""
    if len({picture.mode for picture in pictures}) == 1:
        return pictures
    return [picture.convert("RGBA") for picture in pictures]


def merged(frames: Frames, max_ms: int) -> Frames:
    """Return frames with equal ones that follow each other made one, none longer than max_ms."""
    if len(frames.pictures) == 1:
        return frames
    pictures: list[Image.Image] = []
    durations_ms: list[float] = []
    for picture, duration_ms in zip(frames.pictures, frames.durations_ms, strict=True):
        if pictures and _looks_same(pictures[-1], picture):
            durations_ms[-1] += duration_ms
        else:
            pictures.append(picture)
            durations_ms.append(duration_ms)
    longest = min(max_ms, _MAX_TOTAL_MS // len(pictures))
    durations_ms = [max(1, min(longest, round(duration))) for duration in durations_ms]
    return replace(frames, pictures=pictures, durations_ms=durations_ms)


def gif_durations_ms(durations_ms: Sequence[float]) -> list[int]:
    """Return durations in steps that a GIF can tell, none drifting from when it is to begin."""
    shown: list[int] = []
    wanted_total, total = 0.0, 0
    for duration in durations_ms:
        wanted_total += duration
        steps = round((wanted_total - total) / _GIF_STEP_MS) * _GIF_STEP_MS
        least = _GIF_STEP_MS if duration <= _GIF_STEP_MS else _SHORTEST_GIF_MS
        shown.append(max(least, steps))
        total += shown[-1]
    return shown


def _looks_same(one: Image.Image, other: Image.Image) -> bool:
    difference = ImageChops.difference(one.convert("RGBA"), other.convert("RGBA"))
    return difference.getbbox(alpha_only=False) is None
