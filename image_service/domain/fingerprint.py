"""What a picture looks like, in a few bytes, and how alike two pictures are."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

HASH_BITS = 64
MAX_DISTANCE = 10
NEAR, NEAREST = 8, 50
"""How far look-alikes may be, and how many are told, where nobody says else."""
BANDS = 3
_BAND_BITS = tuple(len(range(band, HASH_BITS, BANDS)) for band in range(BANDS))


@dataclass(frozen=True)
class Fingerprint:
    """What was taken from a picture's upright first frame.

    dominant_color: "#rrggbb", sRGB.
    thumbhash: 5 to 25 bytes in the format of https://evanw.github.io/thumbhash/.
    perceptual_hash: 64 bits, most significant first, as imagehash.phash() has them.
    """

    dominant_color: str
    thumbhash: bytes
    perceptual_hash: int


def distance(one: int, other: int) -> int:
    """Return how many of 64 bits differ: 0 is alike, up to about 8 is nearly so, 32 is chance."""
    return (one ^ other).bit_count()


def bands(perceptual_hash: int) -> tuple[int, ...]:
    """Return the hash cut into three numbers of 22, 21 and 21 bits, every third bit in each.

    Two hashes that differ in d bits differ in at most d // 3 bits in one of the bands at least, so
    that looking for alike ones takes a few hundred look-ups of exact numbers (multi-index
    hashing, Norouzi et al. 2012). Neighbouring bits go to different bands: they tend to agree.
    """
    lowest_first = f"{perceptual_hash:064b}"[::-1]
    return tuple(int(lowest_first[band::BANDS][::-1], 2) for band in range(BANDS))


def alike_bands(perceptual_hash: int, max_distance: int) -> tuple[list[int], ...]:
    """Return for each band the numbers that hashes within max_distance may have there.

    Every such hash has one of them in one band at least. Args: max_distance: 0..MAX_DISTANCE.
    """
    flips = max_distance // BANDS
    return tuple(
        _neighbours(value, bits, flips)
        for value, bits in zip(bands(perceptual_hash), _BAND_BITS, strict=True)
    )


def _neighbours(value: int, bits: int, flips: int) -> list[int]:
    masks = (
        sum(1 << place for place in places)
        for count in range(flips + 1)
        for places in itertools.combinations(range(bits), count)
    )
    return [value ^ mask for mask in masks]
