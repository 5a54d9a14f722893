"""The building blocks of picture files: chunks, segments, boxes, directories."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
BYTE, ASCII, SHORT, LONG, UNDEFINED, LONG8 = 1, 2, 3, 4, 7, 16

Entry = tuple[int, int, int, int]
"""A TIFF directory's tag, type, count, and value or offset."""


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """Return a PNG chunk with its right length and checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def ihdr(width: int, height: int, *, depth: int = 8, color: int = 2, interlace: int = 0) -> bytes:
    """Return a PNG's first chunk. color: 0 grey, 2 RGB, 3 palette, 4 grey + alpha, 6 RGBA."""
    fields = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlace)
    return png_chunk(b"IHDR", fields)


def png_file(*chunks: bytes) -> bytes:
    """Return a PNG of these chunks and an IEND."""
    return PNG_SIGNATURE + b"".join(chunks) + png_chunk(b"IEND", b"")


def jpeg_segment(marker: int, data: bytes) -> bytes:
    """Return a JPEG's marker segment with its right length."""
    return bytes((0xFF, marker)) + struct.pack(">H", len(data) + 2) + data


def after_soi(data: bytes, *segments: bytes) -> bytes:
    """Return the JPEG data with segments behind its first marker."""
    return data[:2] + b"".join(segments) + data[2:]


def riff_chunk(kind: bytes, data: bytes) -> bytes:
    """Return a RIFF chunk, padded to an even length."""
    return kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


def webp_file(*chunks: bytes) -> bytes:
    """Return a WebP of these chunks."""
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def vp8x(width: int, height: int, flags: int) -> bytes:
    """Return an extended WebP's first chunk. flags: 2 animation, 4 XMP, 8 EXIF, 16 alpha, 32 ICC"""
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return riff_chunk(b"VP8X", bytes((flags, 0, 0, 0)) + size)


def box(kind: bytes, *parts: bytes) -> bytes:
    """Return an ISO media box (ISO 14496-12, 4.2)."""
    body = b"".join(parts)
    return struct.pack(">I", len(body) + 8) + kind + body


def full_box(kind: bytes, version: int, *parts: bytes) -> bytes:
    """Return an ISO media box with a version and no flags."""
    return box(kind, bytes((version, 0, 0, 0)), *parts)


def gif_head(width: int, height: int) -> bytes:
    """Return a GIF's header and a palette of black and white."""
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"


def gif_frame(x: int, y: int, width: int, height: int, data: bytes = b"\x02\x44\x01") -> bytes:
    """Return a GIF's frame. data: its compressed pixels; of one pixel when not given."""
    head = b"\x2c" + struct.pack("<HHHHB", x, y, width, height, 0) + b"\x02"
    blocks = [data[at : at + 255] for at in range(0, len(data), 255)]
    return head + b"".join(bytes((len(block),)) + block for block in blocks) + b"\0"


def ifd(entries: Sequence[Entry], following: int = 0) -> bytes:
    """Return a little-endian TIFF directory. following: offset of the next one."""
    packed = b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries))
    return struct.pack("<H", len(entries)) + packed + struct.pack("<I", following)


def tiff_file(entries: Sequence[Entry], data: bytes = b"", following: int = 0) -> bytes:
    """Return a TIFF whose one directory is at its end; data begins at byte 8."""
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + ifd(entries, following)


def tiff_tags(
    width: int, height: int, *, compression: int = 1, samples: int = 1, **others: Entry
) -> list[Entry]:
    """Return the tags of a picture in one strip at byte 8, others replaced or added by name."""
    tags: dict[str, Entry] = {
        "width": (256, LONG, 1, width),
        "height": (257, LONG, 1, height),
        "bits": (258, SHORT, 1, 8),
        "compression": (259, SHORT, 1, compression),
        "photometric": (262, SHORT, 1, 1 if samples == 1 else 2),
        "offsets": (273, LONG, 1, 8),
        "samples": (277, SHORT, 1, samples),
        "rows": (278, LONG, 1, height),
        "counts": (279, LONG, 1, width * height * samples),
    }
    return list({**tags, **others}.values())


def exif(entries: Sequence[Entry], following: int = 0, tail: bytes = b"") -> bytes:
    """Return an EXIF block, without its "Exif" header: a TIFF's directory at byte 8, then tail."""
    return b"II*\0" + struct.pack("<I", 8) + ifd(entries, following) + tail


def zeros(count: int) -> bytes:
    """Return the zlib stream of count zeros, at once however many: a block of them repeated."""
    block_bytes = 1 << 20
    packer = zlib.compressobj(9)
    head = packer.compress(bytes(block_bytes)) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(bytes(block_bytes)) + packer.flush(zlib.Z_FULL_FLUSH)
    blocks, rest = divmod(count, block_bytes)
    if not blocks:
        return zlib.compress(bytes(count))
    tail = packer.compress(bytes(rest)) + packer.flush(zlib.Z_FINISH)
    checksum = (count % 65521) << 16 | 1  # Adler-32 of zeros (RFC 1950)
    return head + again * (blocks - 1) + tail[:-4] + struct.pack(">I", checksum)
