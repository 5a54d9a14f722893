"""What a picture's file tells about the picture: camera, place, words and how it is stored."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Union

ExifValue = Union[str, int, float, "list[int | float]"]


@dataclass(frozen=True)
class Description:
    """The metadata of one picture, safe to write as JSON.

    No bytes, NaN, infinity, NUL or lone surrogate; integers fit 64 bits; every text has at most
    2,000 characters and exif at most 150 tags in 32 KiB of JSON.

    exif: tags of IFD0 and the Exif IFD by the names of EXIF 3.0; dates as RFC 3339, with an
        offset where the file tells one.
    location: "latitude" and "longitude" in degrees, WGS 84, north and east positive, and where
        known "altitude" in metres above sea level; None without a place.
    orientation: EXIF 1..8 as stored; 1 is upright and what is taken for missing or wrong.
    title, description, rights, comment: as people wrote them; None without.
    creator, keywords: names and words without repetitions, in the file's order; each list at
        most 200 texts and 32 KiB of JSON.
    dpi: [x, y], pixels an inch, 0 < v <= 100,000; None where the file does not say.
    icc_profile: name of the embedded colour profile, as "Display P3"; None without one.
    bit_depth: bits of a channel as stored (of an index where the picture has a palette).
    loop_count: how often an animation plays, 0 for ever; None of a still.
    """

    exif: dict[str, ExifValue] = field(default_factory=dict)
    location: dict[str, float] | None = None
    orientation: int = 1
    title: str | None = None
    description: str | None = None
    creator: list[str] = field(default_factory=list)
    keywords: list[str] = field(default_factory=list)
    rights: str | None = None
    comment: str | None = None
    dpi: list[int | float] | None = None
    icc_profile: str | None = None
    bit_depth: int = 8
    loop_count: int | None = None
