"""Which format and quality a variant gets where its URL leaves that open."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from .formats import Format
from .geometry import plan
from .image import PictureFacts
from .transform import Transform
from .turns import Size

LOSSY = frozenset((Format.JPEG, Format.WEBP, Format.AVIF))
NEGOTIATED = (Format.AVIF, Format.WEBP)
"""What a client is only sent if it says that it takes it, the smallest first."""

# Larger ones take too much time and memory for what they save.
_NEGOTIATED_PIXELS = {Format.AVIF: 10_000_000, Format.WEBP: 25_000_000}
_SHOWN_EVERYWHERE = frozenset((Format.JPEG, Format.PNG, Format.GIF))
_ANIMATES_EVERYWHERE = frozenset((Format.GIF, Format.PNG))


@dataclass(frozen=True)
class Resolved:
    """A transform with format and quality; varies: another client may get another format."""

    transform: Transform
    varies: bool


def resolve(
    transform: Transform,
    facts: PictureFacts,
    taken: Collection[Format],
    qualities: Mapping[Format, int],
) -> Resolved:
    """Return what is made of a picture for a client.

    Args:
        facts: the original's. taken: of NEGOTIATED, what the client says it takes.
        qualities: 1..100 for each of LOSSY.
    """
    format_ = transform.format or _best_format(transform, facts, taken)
    quality = 0
    if format_ in LOSSY:
        by_format = dict(transform.format_quality)
        quality = transform.quality or by_format.get(format_) or qualities[format_]
    resolved = replace(
        transform,
        format=format_,
        quality=quality,
        format_quality=(),
        max_bytes=transform.max_bytes if format_ in LOSSY else 0,
        auto_quality=transform.auto_quality if format_ in LOSSY else None,
        colors=transform.colors if format_ is Format.PNG else 0,
    )
    return Resolved(resolved, varies=transform.format is None)


def _best_format(transform: Transform, facts: PictureFacts, taken: Collection[Format]) -> Format:
    if facts.animated:
        # An AVIF animation takes many times as long to make.
        if Format.WEBP in taken:
            return Format.WEBP
        return facts.format if facts.format in _ANIMATES_EVERYWHERE else Format.GIF
    pixels = _final_pixels(transform, facts)
    for format_, most in _NEGOTIATED_PIXELS.items():
        if format_ in taken and pixels <= most:
            return format_
    if facts.format in _SHOWN_EVERYWHERE:
        return facts.format
    return Format.PNG if _may_be_transparent(transform, facts) else Format.JPEG


def _final_pixels(transform: Transform, facts: PictureFacts) -> int:
    upright = Size(facts.width, facts.height)
    width, height = plan(upright.swapped if transform.rotate % 180 else upright, transform).final
    return width * height


def _may_be_transparent(transform: Transform, facts: PictureFacts) -> bool:
    has_room = (
        transform.extend or transform.extend_aspect_ratio or any(vars(transform.padding).values())
    )
    return transform.background is None and bool(facts.has_alpha or has_room)
