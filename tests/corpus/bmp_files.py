"""Hostile BMP files."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import partial

from .hostile import DAMAGED, OVERSIZED, HostileFile

_SIZES = (0, 12, 16, 40, 52, 56, 64, 108, 124, 125, 2**31, 2**32 - 1)


def bitmap(
    width: int,
    height: int,
    data: bytes = b"",
    *,
    bits: int = 24,
    compression: int = 0,
    colors: int = 0,
    header_bytes: int = 40,
    offset: int | None = None,
) -> bytes:
    """Return a BMP with whatever in its header. height: negative when its first row is the top."""
    palette = bytes(4 << bits) if bits <= 8 else b""
    start = 54 + len(palette) if offset is None else offset
    head = struct.pack("<2sIHHI", b"BM", (54 + len(data)) % 2**32, 0, 0, start)
    size = struct.pack("<ii", width, height)
    info = struct.pack("<I8sHHIIIIII", header_bytes, size, 1, bits, compression, len(data), 0, 0,
                       colors, 0)  # fmt: skip
    return head + info + palette + data


def files() -> Iterator[HostileFile]:
    """Yield all of them."""
    yield from _runs()
    yield from _headers()


def _runs() -> Iterator[HostileFile]:
    kind = "bmp bomb"
    runs = {
        "runs of 255": b"\xff\0" * 200_000,
        "runs of a pixel": b"\x01\0" * 4_900_000,
        "ends of a line": b"\0\0" * 7000,
        "jumps": b"\0\2\0\x01" * 7100,
        "jumps to nowhere": b"\0\2\0\0" * 2_400_000,
        "rows of three": b"\0\x03\0\0\0\0" * 1_600_000,
        "the end at once": b"\0\1",
    }
    for bits, compression in ((8, 1), (4, 2)):
        for name, data in runs.items():
            make = partial(bitmap, 7000, 7000, data, bits=bits, compression=compression)
            soak = bits == 4 or name not in ("runs of 255", "runs of a pixel", "the end at once")
            yield HostileFile(f"{kind}/49 MP of {name}, {bits} bits", make, "time and memory",
                              may_pass=True, soak=soak)  # fmt: skip
    narrow = partial(bitmap, 1, 16_384, b"\0\0" * 20_000, bits=8, compression=1)
    yield HostileFile(f"{kind}/a narrow picture of ends", narrow, "time", may_pass=True)
    huge = partial(bitmap, 30_000, 30_000, b"\xff\0" * 1000, bits=8, compression=1)
    yield HostileFile(f"{kind}/30000² of runs", huge, "memory", OVERSIZED)


def _headers() -> Iterator[HostileFile]:
    kind = "bmp header"
    unknown = DAMAGED | OVERSIZED | {"unsupported_format"}
    for size in _SIZES:
        make = partial(bitmap, 8, 8, bytes(192), header_bytes=size)
        yield HostileFile(f"{kind}/{size:,} bytes", make, "memory", unknown, may_pass=True)
    yield HostileFile(f"{kind}/top first", partial(bitmap, 8, -8, bytes(192)), "a height",
                      frozenset(), may_pass=True)  # fmt: skip
    for width, height in ((8, -(2**31)), (-8, 8), (-(2**31), -(2**31)), (0, 8), (2**31 - 1, 1)):
        make = partial(bitmap, width, height, bytes(192))
        yield HostileFile(f"{kind}/{width} × {height}", make, "overflow", DAMAGED | OVERSIZED)
    for bits in (0, 2, 3, 5, 15, 64, 65_535):
        make = partial(bitmap, 8, 8, bytes(192), bits=bits)
        yield HostileFile(f"{kind}/{bits} bits", make, "division", DAMAGED, may_pass=True)
    for compression in (3, 4, 5, 6, 11, 2**32 - 1):
        make = partial(bitmap, 8, 8, bytes(192), compression=compression)
        yield HostileFile(f"{kind}/compression {compression}", make, "other decoders", DAMAGED,
                          may_pass=True)  # fmt: skip
    for colors in (257, 2**24, 2**32 - 1):
        make = partial(bitmap, 8, 8, bytes(64), bits=8, colors=colors)
        yield HostileFile(f"{kind}/{colors:,} colours", make, "memory", DAMAGED, may_pass=True)
    for offset in (0, 1, 2**31, 2**32 - 1):
        make = partial(bitmap, 8, 8, bytes(192), offset=offset)
        yield HostileFile(f"{kind}/pixels at {offset:,}", make, "a place beyond the end",
                          may_pass=True)  # fmt: skip
