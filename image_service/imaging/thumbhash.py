"""ThumbHash, a blurred preview in about 25 bytes: https://evanw.github.io/thumbhash/."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np


def encode(rgba: Any) -> bytes:
    """Return the hash of a small picture.

    Args: rgba: uint8 array (height, width, 4), not premultiplied, each side 1..100.
    """
    height, width = rgba.shape[:2]
    pixels = rgba.astype(np.float32) / np.float32(255)
    alpha = pixels[..., 3]
    weight = alpha.sum()
    average = (pixels[..., :3] * alpha[..., None]).sum((0, 1)) / weight if weight else np.zeros(3)
    has_alpha = bool(weight < width * height)
    color = average * (1 - alpha[..., None]) + pixels[..., :3] * alpha[..., None]
    red, green, blue = color[..., 0], color[..., 1], color[..., 2]
    longest, most = max(width, height), 5 if has_alpha else 7
    lx, ly = max(1, _round(most * width / longest)), max(1, _round(most * height / longest))
    l_dc, l_ac, l_scale = _channel((red + green + blue) / 3, max(3, lx), max(3, ly))
    p_dc, p_ac, p_scale = _channel((red + green) / 2 - blue, 3, 3)
    q_dc, q_ac, q_scale = _channel(red - green, 3, 3)
    landscape = width > height
    head = (
        _round(63 * l_dc)
        | _round(31.5 + 31.5 * p_dc) << 6
        | _round(31.5 + 31.5 * q_dc) << 12
        | _round(31 * l_scale) << 18
        | has_alpha << 23
    )
    tail = (ly if landscape else lx) | _round(63 * p_scale) << 3 | _round(63 * q_scale) << 9
    start: bytes = head.to_bytes(3, "little") + (tail | landscape << 15).to_bytes(2, "little")
    waves = [*l_ac, *p_ac, *q_ac]
    if has_alpha:
        a_dc, a_ac, a_scale = _channel(alpha, 5, 5)
        start += bytes([_round(15 * a_dc) | _round(15 * a_scale) << 4])
        waves += a_ac
    return start + _nibbles(waves)


def _channel(channel: Any, nx: int, ny: int) -> tuple[float, list[float], float]:
    """Return a channel's mean, its waves scaled to 0..1, and the scale."""
    height, width = channel.shape
    waves = _cosines(ny, height) @ channel @ _cosines(nx, width).T / (width * height)
    kept = [
        float(waves[cy, cx])
        for cy in range(ny)
        for cx in range(nx)
        if (cx or cy) and cx * ny < nx * (ny - cy)
    ]
    scale = max(map(abs, kept), default=0.0)
    if scale:
        kept = [0.5 + 0.5 / scale * wave for wave in kept]
    return float(waves[0, 0]), kept, scale


@functools.lru_cache(maxsize=1024)
def _cosines(count: int, length: int) -> Any:
    places = (np.arange(length) + 0.5) * np.pi / length
    return np.cos(np.outer(np.arange(count), places))


def _nibbles(waves: list[float]) -> bytes:
    packed = bytearray((len(waves) + 1) // 2)
    for index, wave in enumerate(waves):
        packed[index // 2] |= _round(15 * wave) << (index % 2 * 4)
    return bytes(packed)


def _round(value: float) -> int:
    # Halves go up, as in the reference implementation's JavaScript.
    return int(np.floor(value + 0.5))
