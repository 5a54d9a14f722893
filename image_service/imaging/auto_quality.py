"""The lowest quality that is good enough, or the highest that is small enough."""

from __future__ import annotations

import bisect
import functools
import io
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from ..domain.transform import AutoQuality

_WINDOW_PX = 8
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2

Writer = Callable[[int], bytes]
"""Writes a picture's file at a quality."""


def best(picture: Image.Image, wanted: AutoQuality, write: Writer) -> bytes:
    """Return a file of the quality that wanted asks for: of the best there is if none is.

    Args: picture: what is written, RGB or RGBA.
    """
    write = functools.lru_cache(maxsize=None)(write)
    qualities = range(wanted.low, wanted.high + 1)
    if wanted.method == "size":
        too_large = bisect.bisect_right(qualities, wanted.target, key=lambda q: len(write(q)))
        return write(qualities[max(0, too_large - 1)])
    expected = _luma(picture)
    unlike = bisect.bisect_left(
        qualities, -wanted.target, key=lambda q: -dissimilarity(expected, write(q))
    )
    return write(qualities[min(unlike, len(qualities) - 1)])


def dissimilarity(expected: Any, written: bytes) -> float:
    """Return 1 / SSIM - 1 of a file: 0 where it looks as expected, the luma as floats 0..255."""
    with Image.open(io.BytesIO(written)) as picture:
        shown = _luma(picture)
    mean_x, mean_y = _means(expected), _means(shown)
    var_x = _means(expected * expected) - mean_x**2
    var_y = _means(shown * shown) - mean_y**2
    covariance = _means(expected * shown) - mean_x * mean_y
    alike = (2 * mean_x * mean_y + _C1) * (2 * covariance + _C2)
    whole = (mean_x**2 + mean_y**2 + _C1) * (var_x + var_y + _C2)
    ssim = float((alike / whole).mean())
    return 1 / max(ssim, 1e-6) - 1


def _luma(picture: Image.Image) -> Any:
    return np.asarray(picture.convert("L"), np.float64)


def _means(values: Any) -> Any:
    """Return the means of all windows, by sums that each take four numbers."""
    side = min(_WINDOW_PX, *values.shape)
    sums = np.zeros((values.shape[0] + 1, values.shape[1] + 1))
    sums[1:, 1:] = values.cumsum(0).cumsum(1)
    across = sums[side:, :] - sums[:-side, :]
    return (across[:, side:] - across[:, :-side]) / side**2
