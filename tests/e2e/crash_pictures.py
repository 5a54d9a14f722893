"""Small pictures, each with bytes of its own, from a few KB to 200 KB, named by their SHA-256.

Sizes differ so that a kill finds uploads in every phase: on the wire, being decoded, half
written, waiting for the catalogue. The name tells whoever sees an image what it must hold.
"""

from __future__ import annotations

import hashlib
import io
import random
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

SMALLEST_SIDE_PX, LARGEST_SIDE_PX = 30, 250
FORMATS = {"png": "PNG", "jpg": "JPEG", "webp": "WEBP", "bmp": "BMP"}


def pictures(seed: str) -> Iterator[tuple[str, bytes]]:
    """Yield file name and bytes of one new picture after another, the same for the same seed."""
    rng = random.Random(seed)
    while True:
        extension = rng.choice([*FORMATS])
        # Noise does not compress: the sides decide how large the file is.
        width, height = (rng.randint(SMALLEST_SIDE_PX, LARGEST_SIDE_PX) for _ in range(2))
        image = Image.frombytes("RGB", (width, height), rng.randbytes(3 * width * height))
        buffer = io.BytesIO()
        image.save(buffer, FORMATS[extension])
        data = buffer.getvalue()
        yield f"{hashlib.sha256(data).hexdigest()}.{extension}", data


def checksum_in(filename: str) -> str:
    """Return what `metadata.checksum` must be for an image with this original name."""
    return f"sha256:{Path(filename).stem}"


def is_to_go(filename: str) -> bool:
    """Return whether the caller deletes this one at once: one in four goes."""
    return filename[0] in "0123"


def is_whole(filename: str, data: bytes) -> bool:
    """Return whether these are the bytes that were sent under this name."""
    return hashlib.sha256(data).hexdigest() == Path(filename).stem
