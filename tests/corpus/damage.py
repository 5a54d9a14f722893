"""Whole small pictures of every format, damaged in every way that files get damaged."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import cache, partial

from image_service.testing import avif, bmp, gif, heic, jpeg, png, tiff, webp

from .hostile import DAMAGED, REFUSED, UNKNOWN, HostileFile

_ANY = REFUSED | UNKNOWN
_HEADER_BYTES = 64
_SHORT_STEP = 7
_RANDOM_FLIPS = 40

SEEDS: dict[str, Callable[[tuple[int, int]], bytes]] = {
    "baseline JPEG": jpeg,
    "progressive JPEG": partial(jpeg, progressive=True),
    "CMYK JPEG": partial(jpeg, mode="CMYK"),
    "PNG": png,
    "APNG": partial(png, frames=3, alpha=True),
    "GIF": gif,
    "animated GIF": partial(gif, frames=3),
    "WebP": webp,
    "lossless WebP": partial(webp, lossless=True, alpha=True),
    "animated WebP": partial(webp, frames=3, orientation=6),
    "AVIF": avif,
    "animated AVIF": partial(avif, frames=3),
    "TIFF": tiff,
    "TIFF of pages": partial(tiff, pages=3, compression="tiff_lzw"),
    "deflated TIFF": partial(tiff, compression="tiff_adobe_deflate"),
    "TIFF of JPEG": partial(tiff, compression="jpeg"),
    "BMP": bmp,
    "HEIC": heic,
}
"""A maker of each format and of each of its important kinds, by a size in px."""


@cache
def seed(name: str, size: tuple[int, int]) -> bytes:
    """Return the whole picture of this name and size."""
    return SEEDS[name](size)


def cut(name: str, size: tuple[int, int], at: int) -> bytes:
    """Return the picture's first bytes."""
    return seed(name, size)[:at]


def flipped(name: str, size: tuple[int, int], *places: int) -> bytes:
    """Return the picture with all bits of these bytes turned over."""
    data = bytearray(seed(name, size))
    for place in places:
        data[place] ^= 0xFF
    return bytes(data)


def zeroed(name: str, size: tuple[int, int], start: int, end: int) -> bytes:
    """Return the picture with zeros from start to end."""
    data = seed(name, size)
    end = min(end, len(data))
    return data[:start] + bytes(end - start) + data[end:]


def swapped(name: str, size: tuple[int, int]) -> bytes:
    """Return the picture's second half, then its first."""
    data = seed(name, size)
    return data[len(data) // 2 :] + data[: len(data) // 2]


def files() -> Iterator[HostileFile]:
    """Yield all of them; the same ones every time."""
    yield HostileFile("damage/no byte", lambda: b"", "nothing there", frozenset(("empty_file",)))
    for byte in (0, 0x42, 0x47, 0x52, 0x89, 0xFF):
        yield HostileFile(f"damage/one byte {byte}", partial(bytes, (byte,)), "nothing", UNKNOWN)
    for name in SEEDS:
        yield from _cuts(name)
        yield from _flips(name)
        yield from _zeros(name)
        make = partial(swapped, name, (160, 120))
        yield HostileFile(f"damage/{name}, halves swapped", make, "order", _ANY)


def _cuts(name: str) -> Iterator[HostileFile]:
    tiny, larger = (8, 6), (200, 150)
    last = len(seed(name, tiny))
    for at in range(1, last):
        yield HostileFile(f"damage/tiny {name} of {at} B", partial(cut, name, tiny, at), "an end",
                          _ANY, may_pass=True, soak=at % _SHORT_STEP > 0)  # fmt: skip
    # What ends in the middle of its pixels is never whole: but a GIF may end after a frame.
    total = len(seed(name, larger))
    for at in range(1024, total, 1024):
        passes = name in ("animated GIF", "TIFF of pages") or at > total - 64
        yield HostileFile(f"damage/{name} of {at:,} B", partial(cut, name, larger, at), "an end",
                          DAMAGED, may_pass=passes, soak=at % 10_240 > 0)  # fmt: skip


def _flips(name: str) -> Iterator[HostileFile]:
    size = (160, 120)
    data = seed(name, size)
    for place in range(min(_HEADER_BYTES * 4, len(data))):
        yield HostileFile(f"damage/{name}, byte {place} flipped", partial(flipped, name, size,
                          place), "a header", _ANY, True,
                          soak=place >= _HEADER_BYTES or place % 3 > 0)  # fmt: skip
    draws = random.Random(name)
    for number in range(_RANDOM_FLIPS):
        places = draws.sample(range(len(data)), draws.randint(1, 20))
        make = partial(flipped, name, size, *places)
        yield HostileFile(f"damage/{name}, flipped at random {number}", make, "anything", _ANY,
                          True, soak=number > 4)  # fmt: skip


def _zeros(name: str) -> Iterator[HostileFile]:
    size = (160, 120)
    total = len(seed(name, size))
    for start in range(0, total, max(1, total // 16)):
        make = partial(zeroed, name, size, start, start + 512)
        yield HostileFile(f"damage/{name}, zeros from {start}", make, "a hole", _ANY, True,
                          soak=start > 0)  # fmt: skip
    make = partial(zeroed, name, size, total // 2, total)
    yield HostileFile(f"damage/{name}, second half zeros", make, "an end", _ANY, True)
    yield HostileFile(f"damage/{name}, all zeros", partial(bytes, total), "nothing", UNKNOWN)
