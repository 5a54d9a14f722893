"""ThumbHash, a blurred preview in about 25 bytes: https://evanw.github.io/thumbhash/."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

_MOST_WAVES = 7


def encode(rgba: Any) -> bytes:
    """Return the hash of a small picture.

    Args: rgba: uint8 array (height, width, 4), not premultiplied, each side 1..100.
    """
    height, width = rgba.shape[:2]
    pixels = rgba.astype(np.float32) / np.float32(255)
    alpha = pixels[..., 3]
    weight = float(alpha.sum())
    has_alpha = weight < width * height
    color = _over_average(pixels, weight) if has_alpha else pixels
    red, green, blue = color[..., 0], color[..., 1], color[..., 2]
    planes = [(red + green + blue) / 3, (red + green) / 2 - blue, red - green]
    planes += [alpha] if has_alpha else []
    waves = _waves(np.stack(planes), width, height)
    longest, most = max(width, height), 5 if has_alpha else _MOST_WAVES
    lx, ly = max(1, _round(most * width / longest)), max(1, _round(most * height / longest))
    l_ac, l_scale = _scaled(waves[0], max(3, lx), max(3, ly))
    p_ac, p_scale = _scaled(waves[1], 3, 3)
    q_ac, q_scale = _scaled(waves[2], 3, 3)
    landscape = width > height
    head = (
        _round(63 * waves[0, 0, 0])
        | _round(31.5 + 31.5 * waves[1, 0, 0]) << 6
        | _round(31.5 + 31.5 * waves[2, 0, 0]) << 12
        | _round(31 * l_scale) << 18
        | has_alpha << 23
    )
    tail = (ly if landscape else lx) | _round(63 * p_scale) << 3 | _round(63 * q_scale) << 9
    start: bytes = head.to_bytes(3, "little") + (tail | landscape << 15).to_bytes(2, "little")
    kept = [l_ac, p_ac, q_ac]
    if has_alpha:
        a_ac, a_scale = _scaled(waves[3], 5, 5)
        start += bytes([_round(15 * waves[3, 0, 0]) | _round(15 * a_scale) << 4])
        kept.append(a_ac)
    return start + _nibbles(np.concatenate(kept))


def _over_average(pixels: Any, weight: float) -> Any:
    """Return the colours over their own mean, so that what cannot be seen adds no waves."""
    alpha = pixels[..., 3:]
    seen = pixels[..., :3] * alpha
    average = seen.sum((0, 1)) / weight if weight else np.zeros(3, np.float32)
    return average * (1 - alpha) + seen


def _waves(planes: Any, width: int, height: int) -> Any:
    """Return the cosine waves of each plane, as (plane, wave down, wave across)."""
    return _cosines(height) @ planes @ _cosines(width).T / (width * height)


def _scaled(waves: Any, nx: int, ny: int) -> tuple[Any, float]:
    """Return a plane's waves but for the mean, scaled to 0..1, and the scale."""
    kept = waves[_places(nx, ny)]
    scale = float(np.abs(kept).max())
    return (0.5 + 0.5 / scale * kept if scale else kept), scale


@functools.lru_cache(maxsize=64)
def _places(nx: int, ny: int) -> Any:
    places = [
        (cy, cx) for cy in range(ny) for cx in range(nx) if (cx or cy) and cx * ny < nx * (ny - cy)
    ]
    return tuple(np.array(places).T)


@functools.lru_cache(maxsize=256)
def _cosines(length: int) -> Any:
    places = (np.arange(length) + 0.5) * np.pi / length
    return np.cos(np.outer(np.arange(_MOST_WAVES), places)).astype(np.float32)


def _nibbles(waves: Any) -> bytes:
    values = np.floor(15 * waves + 0.5).astype(np.uint8)
    if len(values) % 2:
        values = np.append(values, np.uint8(0))
    packed: bytes = (values[::2] | values[1::2] << 4).tobytes()
    return packed


def _round(value: float) -> int:
    # Halves go up, as in the reference implementation's JavaScript.
    return math.floor(value + 0.5)
