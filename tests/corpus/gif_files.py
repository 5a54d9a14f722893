"""Hostile GIF files."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import cache, partial

from PIL import Image

from image_service.testing import gif

from .bombs import gif_with_frames
from .containers import gif_frame, gif_head
from .hostile import DAMAGED, OVERLONG, OVERSIZED, HostileFile

_TOO_MUCH = DAMAGED | OVERSIZED | OVERLONG


@cache
def _flat_frame(side: int) -> bytes:
    """Return the image block of a frame of one colour."""
    buffer = io.BytesIO()
    Image.new("P", (side, side)).save(buffer, "GIF")
    data = buffer.getvalue()
    return data[data.index(b"\x2c\0\0\0\0") : -1]


def full_frames(frames: int, side: int, disposal: int = 1) -> bytes:
    """Return a GIF of whole frames of one colour."""
    control = b"!\xf9\x04" + bytes((disposal << 2 | 1, 1, 0, 0, 0))
    return gif_head(side, side) + (control + _flat_frame(side)) * frames + b";"


def growing(*places: int) -> bytes:
    """Return a GIF of a pixel's screen with frames of a pixel at these places, x and y alike."""
    frames = b"".join(gif_frame(place, place, 1, 1) for place in places)
    return gif_head(1, 1) + frames + b";"


def with_extensions(label: int, block: bytes, count: int) -> bytes:
    """Return a GIF with so many extension blocks before its frame."""
    data = gif((16, 16), frames=2)
    at = data.index(b"!") if b"!" in data else 13
    sub = bytes((len(block),)) + block if block else b""
    return data[:at] + (b"!" + bytes((label,)) + sub + b"\0") * count + data[at:]


def files() -> Iterator[HostileFile]:
    """Yield all of them."""
    yield from _bombs()
    yield from _structures()


def _bombs() -> Iterator[HostileFile]:
    kind = "gif bomb"
    yield HostileFile(f"{kind}/a screen of 65535²", partial(gif_with_frames, 1, 65_535),
                      "memory", OVERSIZED)  # fmt: skip
    yield HostileFile(f"{kind}/10,000 frames", partial(gif_with_frames, 10_000, 4096),
                      "time", OVERLONG)  # fmt: skip
    yield HostileFile(f"{kind}/10,000 frames of a pixel", partial(gif_with_frames, 10_000, 1),
                      "time", OVERLONG)  # fmt: skip
    for frames, side in ((500, 700), (60, 2000), (5, 7000)):
        for disposal in (1, 2, 3):
            make = partial(full_frames, frames, side, disposal)
            soak = (frames, disposal) != (60, 2)
            yield HostileFile(f"{kind}/{frames} frames of {side}², disposal {disposal}", make,
                              "time within the limits", may_pass=True, soak=soak)  # fmt: skip
    for frames, side in ((500, 707), (5, 7071)):
        make = partial(gif_with_frames, frames, side)
        yield HostileFile(f"{kind}/{frames} frames of a pixel on {side}²", make,
                          "time within the limits", may_pass=True)  # fmt: skip


def _structures() -> Iterator[HostileFile]:
    kind = "gif structure"
    for places in ((65_534,), (0, 16_383), (0, 11_000), (0, 7_000), (0, *range(100, 700, 2))):
        what = f"frames at {places[0]:,} to {places[-1]:,} of a screen of 1²"
        passes = places[-1] < 7_071
        yield HostileFile(f"{kind}/{what}", partial(growing, *places), "a size that grows",
                          _TOO_MUCH, may_pass=passes)  # fmt: skip
    for disposal in (2, 3):  # of which Pillow makes a copy before it tells the size
        clear = b"!\xf9\x04" + bytes((disposal << 2, 0, 0, 0, 0))
        vast = clear + gif_frame(0, 0, 65_535, 65_535)
        for name, frames in (("first", vast), ("second", gif_frame(0, 0, 1, 1) + b"?" + vast)):
            data = gif_head(1, 1) + frames + gif_frame(0, 0, 1, 1) + b";"
            yield HostileFile(f"{kind}/a {name} frame of 65,535², disposal {disposal}",
                              partial(bytes, data), "memory", OVERSIZED)  # fmt: skip
    steps = partial(growing, *range(0, 700))
    yield HostileFile(f"{kind}/a screen that grows with 700 frames", steps, "time", OVERLONG)
    for name, label, block, count in (
        ("comments", 0xFE, b"c" * 255, 30_000), ("empty comments", 0xFE, b"", 2_000_000),
        ("controls", 0xF9, b"\x0d\1\0\0", 1_000_000), ("unknown blocks", 0x42, b"", 2_000_000),
        ("applications", 0xFF, b"NETSCAPE2.0", 500_000),
    ):  # fmt: skip
        make = partial(with_extensions, label, block, count)
        yield HostileFile(f"{kind}/{count:,} {name}", make, "time", may_pass=True,
                          soak=name not in ("comments", "unknown blocks"))  # fmt: skip
    blocks = gif_head(1, 1) + b"!\xfe" + b"\x01c" * 4_000_000 + b"\0" + gif_frame(0, 0, 1, 1)
    yield HostileFile(f"{kind}/a comment in 4,000,000 pieces", lambda: blocks, "time",
                      may_pass=True)  # fmt: skip
    pixels = gif_head(7000, 7000) + gif_frame(0, 0, 7000, 7000, b"\x04" * 9_000_000)
    yield HostileFile(f"{kind}/9 MB of codes that clear", lambda: pixels, "time")
    empty = gif_head(16, 16) + gif_frame(0, 0, 0, 0) * 400
    yield HostileFile(f"{kind}/400 frames of no size", lambda: empty, "division", may_pass=True)
    yield HostileFile(f"{kind}/no frame", lambda: gif_head(16, 16) + b";", "nothing there")
