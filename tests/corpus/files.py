"""All hostile files there are, by kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from . import (
    avif_files,
    bmp_files,
    damage,
    gif_files,
    heic_files,
    jpeg_files,
    lies,
    png_files,
    polyglots,
    tiff_files,
    webp_files,
)
from .hostile import HostileFile

BY_KIND: dict[str, Callable[[], Iterator[HostileFile]]] = {
    "PNG": png_files.files,
    "JPEG": jpeg_files.files,
    "GIF": gif_files.files,
    "WebP": webp_files.files,
    "AVIF": avif_files.files,
    "TIFF": tiff_files.files,
    "BMP": bmp_files.files,
    "HEIC": heic_files.files,
    "polyglot": polyglots.files,
    "lie": lies.files,
    "damage": damage.files,
}


def hostile_files() -> Iterator[HostileFile]:
    """Yield every hostile file; the same ones, with the same bytes, every time."""
    for files in BY_KIND.values():
        yield from files()
