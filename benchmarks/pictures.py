"""Photo-like pictures of a wanted size, drawn once and kept.

Gradients, six octaves of noise and a camera's grain: like a photograph, such a picture costs a
decoder work in every block and does not compress to nothing.
"""

from __future__ import annotations

import argparse
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from scripts.paths import RUN_DIR

CACHE = RUN_DIR / "bench" / "pictures"
PHOTOS_VARIABLE = "IMAGE_SERVICE_BENCH_PHOTOS"
OCTAVES = (4, 8, 16, 32, 64, 128)
GRAIN = 6.0
LARGE_PHOTO_PIXELS = 10_000_000
MEDIUM_PHOTO_PIXELS = 5_000_000


@dataclass(frozen=True)
class Kind:
    """Pictures of one kind. label: in file names and tables; count: how many different ones."""

    label: str
    width_px: int
    height_px: int
    size_bytes: int
    count: int = 4


SMALL = Kind("100k", 878, 658, 100 * 1024)
PHOTO = Kind("2m", 2832, 2124, 2 * 1024**2)
LARGE = Kind("12mp", 4032, 3024, int(2.4 * 1024**2), count=2)


def drawn(kind: Kind) -> list[Path]:
    """Return the JPEGs of a kind, drawing those that are missing (1-3 s each)."""
    CACHE.mkdir(parents=True, exist_ok=True)
    paths = [CACHE / f"{kind.label}-{number}.jpg" for number in range(kind.count)]
    for number, path in enumerate(paths):
        if not path.exists():
            part = path.with_suffix(f".{os.getpid()}")
            part.write_bytes(_jpeg_of(_draw(kind, number), kind.size_bytes))
            part.rename(path)
    return paths


def add_photos_option(parser: argparse.ArgumentParser) -> None:
    """Let the user name a folder of real photographs to use in place of drawn ones."""
    parser.add_argument(
        "--photos",
        metavar="DIR",
        type=Path,
        default=os.environ.get(PHOTOS_VARIABLE),
        help=f"JPEGs of 10 MP and more to use in place of drawn ones (also: {PHOTOS_VARIABLE})",
    )


def large_photos(folder: Path | None) -> list[Path]:
    """Return the folder's JPEGs of at least 10 MP, or drawn ones when no folder is given.

    Raises: SystemExit when the folder holds none.
    """
    if folder is None:
        return drawn(LARGE)
    found = [path for path in sorted(Path(folder).glob("*.jp*g")) if _is_large(path)]
    if not found:
        raise SystemExit(f"{folder} holds no JPEG of {LARGE_PHOTO_PIXELS} pixels or more")
    return found


def photos_of(folder: Path | None) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Return JPEGs of about 6 MP and of 10 MP or more: the folder's, or drawn ones without one.

    Raises: SystemExit when the folder lacks either.
    """
    if folder is None:
        return tuple(drawn(PHOTO)), tuple(drawn(LARGE))
    large = tuple(large_photos(folder))
    medium = tuple(path for path in sorted(Path(folder).glob("*.jp*g")) if _is_medium(path))
    if not medium:
        raise SystemExit(f"{folder} holds no JPEG of {MEDIUM_PHOTO_PIXELS:,} pixels")
    return medium, large


def as_pngs(photos: Sequence[Path], *, side_px: int) -> list[Path]:
    """Return the middles of photos as square PNGs, making those that are missing."""
    CACHE.mkdir(parents=True, exist_ok=True)
    paths = []
    for photo in photos:
        path = CACHE / f"{photo.stem}-{side_px}.png"
        if not path.exists():
            with Image.open(photo) as image:
                left, top = (image.width - side_px) // 2, (image.height - side_px) // 2
                image.crop((left, top, left + side_px, top + side_px)).save(path)
        paths.append(path)
    return paths


def tiled(photo: Path) -> Path:
    """Return a JPEG of a photo twice beside itself and twice below, making it when missing."""
    path = CACHE / f"{photo.stem}-tiled.jpg"
    if not path.exists():
        with Image.open(photo) as image:
            whole = Image.new("RGB", (2 * image.width, 2 * image.height))
            for left in (0, image.width):
                for top in (0, image.height):
                    whole.paste(image, (left, top))
        CACHE.mkdir(parents=True, exist_ok=True)
        whole.save(path, quality=70)
    return path


def describe(paths: Sequence[Path]) -> str:
    """Return what the pictures are, for the report: pixels and mean bytes, never their folder."""
    with Image.open(paths[0]) as first:
        size = f"{first.width}x{first.height}"
    return f"{size}, {sum(path.stat().st_size for path in paths) / len(paths) / 1e6:.2f} MB"


def _is_large(path: Path) -> bool:
    with Image.open(path) as image:
        return bool(image.width * image.height >= LARGE_PHOTO_PIXELS)


def _is_medium(path: Path) -> bool:
    with Image.open(path) as image:
        return bool(MEDIUM_PHOTO_PIXELS <= image.width * image.height < LARGE_PHOTO_PIXELS)


def _draw(kind: Kind, seed: int) -> Image.Image:
    rng = np.random.default_rng(seed)
    size = (kind.width_px, kind.height_px)
    x = np.linspace(0, 1, kind.width_px, dtype=np.float32)[None, :]
    y = np.linspace(0, 1, kind.height_px, dtype=np.float32)[:, None]
    planes = []
    for _ in range(3):
        plane = 60 + 110 * (x * rng.uniform(0.2, 0.8) + y * rng.uniform(0.2, 0.8))
        for octave in OCTAVES:
            coarse = Image.fromarray(rng.uniform(-1, 1, (octave, octave)).astype(np.float32))
            smooth = np.asarray(coarse.resize(size, Image.Resampling.BICUBIC))
            plane = plane + smooth * (90 / octave**0.5)
        plane = plane + rng.normal(0, GRAIN, plane.shape)
        planes.append(np.clip(plane, 0, 255).astype(np.uint8))
    return Image.fromarray(np.stack(planes, -1))


def _jpeg_of(image: Image.Image, size_bytes: int) -> bytes:
    """Return the largest JPEG of at most size_bytes, by choosing its quality."""
    low, high = 10, 97
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (
            (middle, high) if len(_encoded(image, middle)) <= size_bytes else (low, middle - 1)
        )
    return _encoded(image, low)


def _encoded(image: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
