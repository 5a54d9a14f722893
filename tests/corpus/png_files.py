"""Hostile PNG and APNG files."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from functools import partial

from image_service.testing import png

from .bombs import apng_with_frames, png_of
from .containers import PNG_SIGNATURE, exif, ihdr, png_chunk, png_file, zeros
from .hostile import DAMAGED, OVERDESCRIBED, OVERLONG, OVERSIZED, HostileFile

_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
          (0, 1, 1, 2))  # fmt: skip


def black(width: int, height: int, *, depth: int = 8, color: int = 2, interlace: int = 0) -> bytes:
    """Return a PNG of zeros, a thousandth of what it unpacks to."""
    count = _raw_bytes(width, height, depth * _SAMPLES[color], interlace)
    head = ihdr(width, height, depth=depth, color=color, interlace=interlace)
    palette = [png_chunk(b"PLTE", bytes(3))] if color == 3 else []
    return png_file(head, *palette, png_chunk(b"IDAT", zeros(count)))


def _raw_bytes(width: int, height: int, bits: int, interlace: int) -> int:
    passes = _ADAM7 if interlace else ((0, 0, 1, 1),)
    total = 0
    for x, y, dx, dy in passes:
        columns, rows = -(-(width - x) // dx), -(-(height - y) // dy)
        total += rows * (1 + (columns * bits + 7) // 8) if columns > 0 and rows > 0 else 0
    return total


def animation(frames: int, side: int, *, blend: int = 1, dispose: int = 2) -> bytes:
    """Return an APNG of full frames of transparent black: the slowest way to put them together."""
    pixels = zeros(_raw_bytes(side, side, 32, 0))
    chunks = [ihdr(side, side, color=6), png_chunk(b"acTL", struct.pack(">II", frames, 0))]
    number = 0
    for frame in range(frames):
        control = struct.pack(
            ">IIIIIHHBB", number, side, side, 0, 0, 1, 10, dispose if frame else 0, blend
        )
        chunks.append(png_chunk(b"fcTL", control))
        number += 1
        if frame:
            chunks.append(png_chunk(b"fdAT", struct.pack(">I", number) + pixels))
            number += 1
        else:
            chunks.append(png_chunk(b"IDAT", pixels))
    return png_file(*chunks)


def with_chunks(*chunks: bytes) -> bytes:
    """Return a whole small PNG with chunks behind its header."""
    data = png((16, 16))
    return data[:33] + b"".join(chunks) + data[33:]


def in_tiny_chunks(empty: bool) -> bytes:
    """Return a PNG whose pixels come byte by byte, or behind 100,000 empty chunks."""
    pixels = zlib.compress(bytes((200 * 3 + 1) * 166), 0)
    pieces = [b""] * 100_000 + [pixels] if empty else [bytes((byte,)) for byte in pixels]
    return png_file(ihdr(200, 166), *(png_chunk(b"IDAT", piece) for piece in pieces))


def compressed_text(kind: bytes, megabytes: int) -> bytes:
    """Return a chunk of kind zTXt, iTXt or iCCP that unpacks to so many megabytes."""
    head = b"k\0\1\0\0\0" if kind == b"iTXt" else b"k\0\0"
    return png_chunk(kind, head + zeros(megabytes << 20))


def with_length(kind: bytes, length: int) -> bytes:
    """Return a PNG with a chunk that claims to be so long."""
    return with_chunks(struct.pack(">I", length) + kind + bytes(64))


def _frame_outside() -> bytes:
    data = animation(2, 16)
    at = data.rindex(b"fcTL") + 8
    return data[:at] + struct.pack(">IIII", 16384, 16384, 2**31 - 1, 2**31 - 1) + data[at + 16 :]


def files() -> Iterator[HostileFile]:
    """Yield all of them."""
    yield from _bombs()
    yield from _animations()
    yield from _chunks()


def _bombs() -> Iterator[HostileFile]:
    for side in (12_000, 30_000):
        make = partial(black, side, side)
        yield HostileFile(f"png bomb/{side}² of zeros", make, "pixels", OVERSIZED)
    yield HostileFile("png bomb/2³¹ px a side", partial(png_of, 2**31 - 1, 2**31 - 1),
                      "overflow", OVERSIZED)  # fmt: skip
    for depth, color, interlace in (
        (8, 2, 0), (8, 6, 0), (16, 6, 0), (16, 6, 1), (16, 0, 0), (1, 0, 1), (8, 3, 1)
    ):  # fmt: skip
        make = partial(black, 7000, 7000, depth=depth, color=color, interlace=interlace)
        what = f"49 MP of {depth} bits, colour type {color}" + ", interlaced" * interlace
        slow = (depth, color, interlace) not in ((8, 6, 0), (16, 6, 1))
        yield HostileFile(f"png bomb/{what}", make, "time", may_pass=True, soak=slow)
    claims = ihdr(7000, 7000) + png_chunk(b"IDAT", zeros(3 << 30))
    yield HostileFile("png bomb/pixels that unpack to 3 GB", partial(png_file, claims),
                      "data behind the last row", may_pass=True)  # fmt: skip


def _animations() -> Iterator[HostileFile]:
    kind = "apng bomb"
    yield HostileFile(f"{kind}/2,000 frames of 2000²", partial(apng_with_frames, 2000, 2000),
                      "frames", OVERLONG)  # fmt: skip
    for frames, side in ((60, 2000), (5, 7000), (500, 700)):
        for blend, dispose in ((1, 2), (0, 0)):
            make = partial(animation, frames, side, blend=blend, dispose=dispose)
            what = f"{frames} frames of {side}², blend {blend}, dispose {dispose}"
            yield HostileFile(f"{kind}/{what}", make, "time within the limits", may_pass=True,
                              soak=frames != 60 or not blend)  # fmt: skip
    yield HostileFile(f"{kind}/a frame outside the picture", _frame_outside, "memory")
    yield HostileFile(f"{kind}/400 frames promised, none there", partial(apng_with_frames, 400, 16),
                      "a walk beyond the end")  # fmt: skip


def _chunks() -> Iterator[HostileFile]:
    kind = "png structure"
    for name in (b"zTXt", b"iTXt", b"iCCP"):
        make = partial(with_chunks, compressed_text(name, 200))
        yield HostileFile(f"{kind}/200 MB in {name.decode()}", make, "memory", OVERDESCRIBED)
    many = [compressed_text(b"zTXt", 1)[:-4] + bytes(4)] * 50
    yield HostileFile(f"{kind}/50 texts of 1 MB", partial(with_chunks, *many), "memory")
    for text in (b"tEXt", b"abCd", b"PLTE", b"sBIT"):
        make = partial(with_chunks, png_chunk(text, b"k\0v") * 100_000)
        yield HostileFile(f"{kind}/100,000 chunks of {text.decode()}", make, "time", may_pass=True)
    yield HostileFile(f"{kind}/100,000 chunks of a byte", partial(in_tiny_chunks, False),
                      "time", may_pass=True)  # fmt: skip
    yield HostileFile(f"{kind}/100,000 empty IDAT", partial(in_tiny_chunks, True), "time",
                      may_pass=True)  # fmt: skip
    for length in (2**31 - 1, 2**32 - 1):
        for name in (b"tEXt", b"IDAT", b"iCCP", b"eXIf"):
            make = partial(with_length, name, length)
            yield HostileFile(f"{kind}/{name.decode()} of {length:,} B", make, "memory")
    endless = png_chunk(b"eXIf", exif([(tag, 1, 65_000, 8) for tag in range(65_535)]))
    yield HostileFile(f"{kind}/65,535 EXIF values over one another",
                      partial(with_chunks, endless), "memory", may_pass=True)  # fmt: skip
    yield HostileFile(f"{kind}/no chunk but IEND", partial(png_file), "nothing there")
    yield HostileFile(f"{kind}/two headers", partial(with_chunks, ihdr(16_000, 3000)),
                      "a size that changes", DAMAGED | OVERSIZED, may_pass=True)  # fmt: skip
    yield HostileFile(f"{kind}/signature alone", lambda: PNG_SIGNATURE, "nothing there")
