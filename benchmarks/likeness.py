"""How like its original a variant is: SSIM beside a reference that was filtered in floats."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

_WINDOW_PX = 7
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def reference(source: Path, size: tuple[int, int]) -> np.ndarray:
    """Return the luma that a full decode and a Lanczos filter in floats give, 0..255."""
    with Image.open(source) as image:
        planes = [
            plane.convert("F").resize(size, Image.Resampling.LANCZOS)
            for plane in image.convert("RGB").split()
        ]
    red, green, blue = (np.clip(np.asarray(plane), 0, 255) for plane in planes)
    luma: np.ndarray = 0.299 * red + 0.587 * green + 0.114 * blue
    return luma


def size_of(data: bytes) -> tuple[int, int]:
    """Return a picture's width and height."""
    with Image.open(io.BytesIO(data)) as image:
        width, height = image.size
    return width, height


def likeness(data: bytes, expected: np.ndarray) -> float:
    """Return the mean SSIM of a picture's file and a reference of its size."""
    with Image.open(io.BytesIO(data)) as image:
        rgb = np.asarray(image.convert("RGB"), np.float64)
    shown = rgb @ np.array([0.299, 0.587, 0.114])
    mean_x, mean_y = _means(shown), _means(expected)
    var_x = _means(shown * shown) - mean_x**2
    var_y = _means(expected * expected) - mean_y**2
    covariance = _means(shown * expected) - mean_x * mean_y
    top = (2 * mean_x * mean_y + _C1) * (2 * covariance + _C2)
    return float((top / ((mean_x**2 + mean_y**2 + _C1) * (var_x + var_y + _C2))).mean())


def _means(values: np.ndarray) -> np.ndarray:
    windows = np.lib.stride_tricks.sliding_window_view(values, (_WINDOW_PX, _WINDOW_PX))
    means: np.ndarray = windows.mean((-1, -2))
    return means
