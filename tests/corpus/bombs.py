"""Hostile pictures: small files that cost much to decode. Made here, none is kept as a file."""

from __future__ import annotations

import struct
import zlib

from image_service.testing import avif, jpeg, webp


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(width: int, height: int, *chunks: bytes) -> bytes:
    """A PNG that claims a size and holds next to nothing."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = _png_chunk(b"IDAT", zlib.compress(bytes(1000)))
    end = _png_chunk(b"IEND", b"")
    head = _png_chunk(b"IHDR", header)
    return b"\x89PNG\r\n\x1a\n" + b"".join([head, *chunks, pixels, end])


def jpeg_with_scans(scans: int) -> bytes:
    """A progressive JPEG that goes over its picture so many times more."""
    data = jpeg((64, 48), progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * scans + data[-2:]


def apng_with_frames(frames: int, side: int) -> bytes:
    """An APNG whose header promises frames of side × side px."""
    return png_of(side, side, _png_chunk(b"acTL", struct.pack(">II", frames, 0)))


def png_with_text(megabytes: int) -> bytes:
    """A PNG with a text chunk that unpacks to so many megabytes."""
    return png_of(10, 10, _png_chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(megabytes << 20))))


def gif_with_frames(frames: int, side: int) -> bytes:
    """A GIF of many frames of one pixel each on a large canvas."""
    head = b"GIF89a" + struct.pack("<HHBBB", side, side, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    return head + frame * frames + b";"


def webp_of(width: int, height: int) -> bytes:
    """An animated WebP of small frames on a large canvas."""
    data = bytearray(webp((16, 16), frames=2, alpha=True))
    at = data.index(b"VP8X") + 12
    data[at : at + 6] = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return bytes(data)


def avif_of(width: int, height: int) -> bytes:
    """An AVIF whose container claims a size."""
    small = struct.pack(">II", 64, 48)
    box = b"ispe" + bytes(4)
    return avif((64, 48)).replace(box + small, box + struct.pack(">II", width, height))


def tiff_with_pages(pages: int) -> bytes:
    """A TIFF of many pages that share the one pixel they have."""
    tags = (
        (256, 3, 1, 1), (257, 3, 1, 1), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1),
        (273, 4, 1, 8), (277, 3, 1, 1), (278, 3, 1, 1), (279, 4, 1, 1),
    )  # fmt: skip
    entries = b"".join(
        struct.pack("<HHI", tag, kind, count) + struct.pack("<I", value)
        for tag, kind, count, value in tags
    )
    length = 2 + len(entries) + 4
    body = bytearray()
    for page in range(pages):
        following = 12 + (page + 1) * length if page + 1 < pages else 0
        body += struct.pack("<H", len(tags)) + entries + struct.pack("<I", following)
    return b"II*\0" + struct.pack("<I", 12) + bytes(4) + bytes(body)
