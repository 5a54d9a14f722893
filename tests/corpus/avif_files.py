"""Hostile AVIF files."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

from PIL import Image

from image_service.testing import avif

from .bombs import avif_of
from .containers import box, full_box
from .hostile import DAMAGED, OVERLONG, OVERSIZED, REFUSED, HostileFile
from .scenes import clouds

_FTYP = box(b"ftyp", b"avif", bytes(4), b"avifmif1miaf")


@cache
def whole(width: int, height: int, *, noisy: bool = False) -> bytes:
    """Return a whole AVIF; of one colour, 49 MP are a few kilobytes."""
    buffer = io.BytesIO()
    picture = clouds("RGB") if noisy else Image.new("RGB", (width, height), (1, 2, 3))
    picture.save(buffer, "AVIF", speed=10, max_threads=2, quality=30)
    return buffer.getvalue()


def nested(kind: bytes, depth: int) -> bytes:
    """Return an AVIF with boxes within boxes."""
    sizes = range(8 * depth, 0, -8)
    return _FTYP + b"".join(struct.pack(">I", size) + kind for size in sizes)


def with_locations(extents: int, length: int) -> bytes:
    """Return an AVIF whose picture is so many pieces of so many bytes, over one another."""
    data = avif()
    at = data.index(b"iloc") - 4
    end = at + int.from_bytes(data[at : at + 4], "big")
    pieces = struct.pack(">II", 0, length) * extents
    item = struct.pack(">HHHH", 1, 0, 0, extents) + pieces
    located = full_box(b"iloc", 1, b"\x44\0", struct.pack(">H", 1), item)
    return _with_box(data, at, end, located)


def _with_box(data: bytes, at: int, end: int, new: bytes) -> bytes:
    """Return data with the box from at to end, one of those in `meta`, replaced."""
    meta = data.index(b"meta") - 4
    size = int.from_bytes(data[meta : meta + 4], "big") + len(new) - (end - at)
    head = data[:meta] + struct.pack(">I", size) + data[meta + 4 : at]
    return head + new + data[end:]


def with_bytes(
    after: bytes, skip: int, new: bytes, *, of: Callable[..., bytes] = avif, **options: Any
) -> bytes:
    """Return an AVIF or the like with new in place of what is skip bytes behind a box name."""
    data = of(**options)
    at = data.index(after) + 4 + skip
    return data[:at] + new + data[at + len(new) :]


def with_box_length(kind: bytes, length: int, of: Callable[[], bytes] = avif) -> bytes:
    """Return an AVIF, or another such picture, whose box of this name claims to be so long."""
    data = of()
    at = data.index(kind) - 4
    return data[:at] + struct.pack(">I", length) + data[at + 4 :]


def files() -> Iterator[HostileFile]:
    """Yield all of them."""
    yield from _bombs()
    yield from _structures()


def _bombs() -> Iterator[HostileFile]:
    kind = "avif bomb"
    yield HostileFile(f"{kind}/12000² of 2 KB", partial(avif_of, 12_000, 12_000), "memory",
                      OVERSIZED)  # fmt: skip
    yield HostileFile(f"{kind}/7000² claimed of 64 × 48", partial(avif_of, 7000, 7000), "memory",
                      may_pass=True)  # fmt: skip
    yield HostileFile(f"{kind}/20 MP of one colour", partial(whole, 5000, 4000), "time and memory",
                      may_pass=True)  # fmt: skip
    yield HostileFile(f"{kind}/49 MP of one colour", partial(whole, 7000, 7000), "time and memory",
                      may_pass=True, soak=True)  # fmt: skip
    yield HostileFile(f"{kind}/49 MP of clouds", partial(whole, 7000, 7000, noisy=True),
                      "time and memory", may_pass=True, soak=True)  # fmt: skip
    small = partial(with_bytes, b"ispe", 4, struct.pack(">II", 16, 16))
    yield HostileFile(f"{kind}/16² claimed of 64 × 48", small, "a size that grows",
                      may_pass=True)  # fmt: skip
    for count in (501, 1_000_000, 2**32 - 1):
        make = partial(with_bytes, b"stsz", 8, struct.pack(">I", count), frames=3)
        yield HostileFile(f"{kind}/{count:,} sizes of frames", make, "memory", DAMAGED | OVERLONG)
        make = partial(with_bytes, b"stts", 8, struct.pack(">I", count), frames=3)
        yield HostileFile(f"{kind}/{count:,} frames by time", make, "memory",
                          DAMAGED | OVERLONG, may_pass=True)  # fmt: skip


def _structures() -> Iterator[HostileFile]:
    kind = "avif structure"
    for name in (b"meta", b"moov", b"free", b"uuid"):
        make = partial(nested, name, 10_000)
        yield HostileFile(f"{kind}/{name.decode()} 10,000 deep", make, "recursion")
    for extents, length in ((65_535, 2000), (1000, 500_000), (65_535, 2**31), (1, 2**32 - 1)):
        make = partial(with_locations, extents, length)
        yield HostileFile(f"{kind}/{extents:,} pieces of {length:,} B", make, "memory")
    for name in (b"meta", b"iloc", b"iprp", b"ipco", b"av1C", b"mdat", b"iinf"):
        for length in (0, 1, 8, 2**31, 2**32 - 1):
            make = partial(with_box_length, name, length)
            yield HostileFile(f"{kind}/{name.decode()} of {length:,} B", make, "memory",
                              REFUSED, may_pass=True)  # fmt: skip
    many = _FTYP + box(b"free") * 1_000_000 + avif()[len(_FTYP) :]
    yield HostileFile(f"{kind}/1,000,000 free boxes", lambda: many, "time", may_pass=True)
    turned = partial(with_bytes, b"pixi", 4, b"\xff" * 4)
    yield HostileFile(f"{kind}/255 channels", turned, "memory", REFUSED, may_pass=True)
    yield HostileFile(f"{kind}/ftyp alone", lambda: _FTYP, "nothing there")
