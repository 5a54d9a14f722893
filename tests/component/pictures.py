"""Small pictures of every accepted format, and some that are refused."""

from __future__ import annotations

import io
import os
import struct
import zlib
from typing import Any

from PIL import Image, PngImagePlugin

ORIENTATION_TAG = 0x0112
PILLOW = {"jpg": "JPEG", "png": "PNG", "gif": "GIF", "webp": "WEBP", "avif": "AVIF",
          "tiff": "TIFF", "bmp": "BMP"}  # fmt: skip


def picture(
    extension: str = "png",
    size: tuple[int, int] = (40, 30),
    mode: str = "RGB",
    color: Any = None,
    **options: Any,
) -> bytes:
    """Return a picture of one color, a random one unless given."""
    wanted = (
        color if color is not None else tuple(os.urandom(len(Image.new(mode, (1, 1)).getbands())))
    )
    return encoded(Image.new(mode, size, wanted), extension, **options)


def encoded(image: Image.Image, extension: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, PILLOW[extension], **options)
    return buffer.getvalue()


def noise(side_px: int, extension: str = "png") -> bytes:
    """Return a picture that does not compress: about 3 × side_px² bytes as PNG or BMP."""
    return encoded(
        Image.frombytes("RGB", (side_px, side_px), os.urandom(3 * side_px**2)), extension
    )


def turned() -> bytes:
    """Return a JPEG of 60×20 px stored, which its orientation 6 shows as 20×60."""
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = 6
    return picture("jpg", (60, 20), exif=exif)


def animation(frames: int = 3) -> bytes:
    pictures = [Image.new("RGB", (16, 16), (40 * i % 256, 99, 7 * i % 256)) for i in range(frames)]
    return encoded(pictures[0], "gif", save_all=True, append_images=pictures[1:])


def padded(size_bytes: int) -> bytes:
    """Return a tiny valid PNG of exactly size_bytes, filled up with an ancillary chunk."""
    base = picture("png", (4, 4))
    head, end = base[:-12], base[-12:]
    filling = os.urandom(size_bytes - len(base) - 12)
    body = b"prIv" + filling
    chunk = struct.pack("!I", len(filling)) + body + struct.pack("!I", zlib.crc32(body))
    return head + chunk + end


def header_only_png(width: int, height: int) -> bytes:
    """Return a PNG that claims a size and holds next to nothing."""
    head = b"IHDR" + struct.pack("!IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(b"\0")
    chunks = [head, data, b"IEND"]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack("!I", len(c) - 4) + c + struct.pack("!I", zlib.crc32(c)) for c in chunks
    )


def slow_to_decode(megapixels: int = 40) -> bytes:
    """Return a small file that keeps a decoder busy: an animation of big frames."""
    side = 2000
    frames = [Image.new("L", (side, side), i) for i in range(megapixels // 4)]
    info = PngImagePlugin.PngInfo()
    return encoded(frames[0], "png", save_all=True, append_images=frames[1:], pnginfo=info,
                   compress_level=1)  # fmt: skip
