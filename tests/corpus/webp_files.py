"""Hostile WebP files."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from functools import cache, partial

from PIL import Image

from image_service.testing import webp

from .bombs import webp_of
from .containers import exif, riff_chunk, vp8x, webp_file
from .hostile import DAMAGED, OVERDESCRIBED, OVERLONG, OVERSIZED, HostileFile
from .scenes import clouds


@cache
def large(*, lossless: bool, noisy: bool = False) -> bytes:
    """Return a WebP of 49 MP, of one colour or of a tile again and again."""
    mode = "RGBA" if lossless else "RGB"
    picture = clouds(mode) if noisy else Image.new(mode, (7000, 7000), (1, 2, 3))
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", lossless=lossless, method=0, quality=0)
    return buffer.getvalue()


@cache
def _pixels(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGBA", (width, height), (1, 2, 3, 4)).save(buffer, "WEBP", lossless=True, method=0)
    return buffer.getvalue()[12:]


def full_frames(frames: int, side: int, *, canvas: int | None = None, flags: int = 0) -> bytes:
    """Return an animated WebP of frames of one colour. flags: 1 dispose, 2 do not blend."""
    size = (side - 1).to_bytes(3, "little")
    head = bytes(6) + size * 2 + b"\x0a\0\0" + bytes((flags,))
    frame = riff_chunk(b"ANMF", head + _pixels(side, side))
    return webp_file(
        vp8x(canvas or side, canvas or side, 0x12), riff_chunk(b"ANIM", bytes(6)), frame * frames
    )


def headed(width: int, height: int, *, lossless: bool) -> bytes:
    """Return a simple WebP whose header claims a size."""
    data = bytearray(webp((16, 16), lossless=lossless))
    if lossless:
        size = (width - 1) | (height - 1) << 14 | int.from_bytes(data[21:25], "little") >> 28 << 28
        data[21:25] = size.to_bytes(4, "little")
    else:
        data[26:30] = struct.pack("<HH", width, height)
    return bytes(data)


def with_chunk_length(place: bytes, length: int) -> bytes:
    """Return a WebP with alpha whose chunk of this name claims to be so long."""
    data = webp((64, 48), alpha=True)
    at = data.index(place) + 4
    return data[:at] + struct.pack("<I", length) + data[at + 4 :]


def extended(*chunks: bytes, flags: int = 0x2C) -> bytes:
    """Return a whole small WebP with these chunks behind its pixels."""
    return webp_file(vp8x(16, 16, flags), webp((16, 16))[12:], *chunks)


def files() -> Iterator[HostileFile]:
    """Yield all of them."""
    yield from _bombs()
    yield from _structures()


def _bombs() -> Iterator[HostileFile]:
    kind = "webp bomb"
    yield HostileFile(f"{kind}/a canvas of 16383 × 10900", partial(webp_of, 16_383, 10_900),
                      "memory", OVERSIZED)  # fmt: skip
    for lossless in (False, True):
        what = "lossless" if lossless else "lossy"
        make = partial(headed, 16_383, 10_900, lossless=lossless)
        yield HostileFile(f"{kind}/16383 × 10900 {what}", make, "memory", OVERSIZED)
        make = partial(headed, 7000, 7000, lossless=lossless)
        yield HostileFile(f"{kind}/49 MP {what} and no data", make, "time")
        for noisy in (False, True):
            make = partial(large, lossless=lossless, noisy=noisy)
            texture = "clouds" if noisy else "one colour"
            yield HostileFile(f"{kind}/49 MP {what} of {texture}", make, "time and memory",
                              may_pass=True, soak=noisy or not lossless)  # fmt: skip
    for frames, side, canvas, flags in ((5, 7000, 7000, 0), (500, 700, 700, 0), (60, 2000, 2000, 1),
                                        (5, 16, 7071, 1), (500, 16, 707, 1)):  # fmt: skip
        make = partial(full_frames, frames, side, canvas=canvas, flags=flags)
        soak = (frames, side) in ((60, 2000), (500, 700))
        yield HostileFile(f"{kind}/{frames} frames of {side}² on {canvas}²", make,
                          "time within the limits", may_pass=True, soak=soak)  # fmt: skip
    yield HostileFile(f"{kind}/10,000 frames", partial(full_frames, 10_000, 16), "time", OVERLONG)
    yield HostileFile(f"{kind}/frames larger than the canvas", partial(full_frames, 3, 7000,
                      canvas=16), "memory", DAMAGED | OVERSIZED)  # fmt: skip


def _structures() -> Iterator[HostileFile]:
    kind = "webp structure"
    for length in (0, 1, 2**31 - 1, 2**32 - 2, 2**32 - 1):
        for place in (b"RIFF", b"VP8X", b"ALPH", b"VP8 "):
            make = partial(with_chunk_length, place, length)
            yield HostileFile(f"{kind}/{place.decode().strip()} of {length:,} B", make,
                              "memory", DAMAGED | OVERSIZED, may_pass=True)  # fmt: skip
    lies = webp_file(vp8x(16, 16, 0), _pixels(3000, 3000))
    yield HostileFile(f"{kind}/a canvas smaller than its picture", lambda: lies, "a size",
                      may_pass=False)  # fmt: skip
    unknown = riff_chunk(b"abcd", b"")
    yield HostileFile(f"{kind}/1,000,000 unknown chunks", partial(extended, unknown * 1_000_000),
                      "time", may_pass=True)  # fmt: skip
    block = exif([(tag, 1, 65_000, 8) for tag in range(65_535)], tail=bytes(65_000))
    chunk = riff_chunk(b"EXIF", block)
    yield HostileFile(f"{kind}/65,535 EXIF values over one another", partial(extended, chunk),
                      "memory", may_pass=True)  # fmt: skip
    profile = riff_chunk(b"ICCP", bytes(9_000_000))
    yield HostileFile(f"{kind}/a profile of 9 MB", partial(extended, profile), "memory",
                      OVERDESCRIBED)  # fmt: skip
    nested = b""
    for _ in range(1000):
        nested = riff_chunk(b"ANMF", bytes(16) + nested)
    data = webp_file(vp8x(16, 16, 2), riff_chunk(b"ANIM", bytes(6)), nested)
    yield HostileFile(f"{kind}/frames within frames", lambda: data, "recursion")
    yield HostileFile(f"{kind}/no pixels", partial(webp_file, vp8x(16, 16, 0)), "nothing there")
    yield HostileFile(f"{kind}/no chunk", webp_file, "nothing there")
