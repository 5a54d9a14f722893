"""What the tests of rendering share: variants made in this process, looked at as arrays."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
from PIL import Image

from image_service.domain.formats import Format, sniff
from image_service.domain.image import PictureFacts
from image_service.domain.mezzanine import Use
from image_service.domain.transform import Transform
from image_service.domain.variant_ports import Rendering
from image_service.imaging.limits import Limits
from image_service.imaging.render import Source, render

QUALITY = 80


def rendered(
    data: bytes,
    *,
    orientation: int = 1,
    frames: int = 1,
    limits: Limits | None = None,
    mark: bytes | None = None,
    shrink_on_load: bool = True,
    facts: PictureFacts | None = None,
    mezzanine: Use = Use.NONE,
    **wanted: Any,
) -> Rendering:
    """Return the variant of a file.

    mark: the file of the watermark. facts: of the original, where its mezzanine matters.
    wanted: a Transform's fields, to PNG unless they say else.
    """
    format_ = sniff(data)
    assert format_
    transform = Transform(**{"format": Format.PNG, "quality": QUALITY, **wanted})
    facts = facts or PictureFacts(format_, 0, 0, frames, orientation=orientation)
    source = Source(data, facts, mezzanine)
    return render(
        source, transform, limits or Limits(), watermark=mark, shrink_on_load=shrink_on_load
    )


def pixels(data: bytes | Rendering) -> Any:
    """Return the first frame of a file as whole numbers, height × width (× channels)."""
    with Image.open(io.BytesIO(data.data if isinstance(data, Rendering) else data)) as picture:
        return np.asarray(picture).astype(np.int64)


def variant(data: bytes, **wanted: Any) -> Any:
    """Return the pixels of a file's variant."""
    return pixels(rendered(data, **wanted))


def saved(picture: Image.Image | Any, kind: str = "PNG", **options: Any) -> bytes:
    """Return a file of a picture, or of an array of bytes."""
    if not isinstance(picture, Image.Image):
        picture = Image.fromarray(np.asarray(picture).astype(np.uint8))
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def flat(size: tuple[int, int], color: tuple[int, ...]) -> Any:
    """Return the pixels of a picture of this width and height in one colour."""
    return np.full((size[1], size[0], len(color)), color, np.int64)


def psnr(one: Any, other: Any) -> float:
    """Return how alike two pictures are, in dB; equal ones are infinitely so."""
    error = np.mean((np.asarray(one, float) - np.asarray(other, float)) ** 2)
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


def ssim(one: Any, other: Any, side: int = 8) -> float:
    """Return the structural similarity of two RGB pictures, 1 for equal ones."""
    a, b = (_blocks(np.asarray(each, float).mean(axis=2), side) for each in (one, other))
    mean_a, mean_b = a.mean(axis=1), b.mean(axis=1)
    covariance = (a * b).mean(axis=1) - mean_a * mean_b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    structure = (2 * covariance + c2) / (a.var(axis=1) + b.var(axis=1) + c2)
    return float((luminance * structure).mean())


def _blocks(grey: Any, side: int) -> Any:
    height, width = (length // side * side for length in grey.shape)
    cut = grey[:height, :width].reshape(height // side, side, width // side, side)
    return cut.swapaxes(1, 2).reshape(-1, side * side)


def lanczos(
    values: Any, size: tuple[int, int], box: tuple[float, float, float, float] | None = None
) -> Any:
    """Return values, height × width × channels, resampled in floats; alpha counts if there is one.

    size: width and height. box: the part that is taken: left, top, right, bottom.
    """
    values = np.asarray(values, float)
    left, top, right, bottom = box or (0, 0, values.shape[1], values.shape[0])
    has_alpha = values.shape[2] == 4
    if has_alpha:
        values = np.concatenate([values[..., :3] * values[..., 3:] / 255, values[..., 3:]], axis=2)
    across = _lanczos_lines(values, size[1], top, bottom).swapaxes(0, 1)
    found = _lanczos_lines(across, size[0], left, right).swapaxes(0, 1)
    if has_alpha:
        alpha = np.maximum(found[..., 3:], 1e-9)
        found = np.concatenate([found[..., :3] * 255 / alpha, found[..., 3:]], axis=2)
    return np.clip(found, 0, 255)


def _lanczos_lines(values: Any, count: int, low: float, high: float) -> Any:
    """Resample the first axis between low and high to count samples, by three lobes of sinc."""
    scale = (high - low) / count
    stretch = max(scale, 1.0)
    lines = np.ascontiguousarray(values).reshape(len(values), -1)
    found = np.empty((count, lines.shape[1]))
    for index in range(count):
        middle = low + (index + 0.5) * scale
        first = max(0, int(np.floor(middle - 3 * stretch)))
        last = min(len(lines), int(np.ceil(middle + 3 * stretch)))
        x = (np.arange(first, last) + 0.5 - middle) / stretch
        weights = np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0)
        found[index] = weights @ lines[first:last] / weights.sum()
    return found.reshape(count, *values.shape[1:])


def icc_profile(
    primaries: tuple[tuple[float, float, float], ...], gamma: float, name: str = "test"
) -> bytes:
    """Return an RGB profile (ICC.1:2001-04): primaries in XYZ of D50, and one gamma."""
    curve = b"curv" + struct.pack(">4xIH", 1, round(gamma * 256))
    text = name.encode() + b"\0"
    described = b"desc" + struct.pack(">4xI", len(text)) + text + bytes(78)
    tags = {b"desc": described, b"cprt": b"text" + bytes(4) + b"none\0"}
    tags[b"wtpt"] = _xyz((0.9642, 1.0, 0.8249))
    for letter, color in zip((b"r", b"g", b"b"), primaries, strict=True):
        tags |= {letter + b"XYZ": _xyz(color), letter + b"TRC": curve}
    return _profile(b"RGB ", b"XYZ ", tags)


def cmyk_profile() -> bytes:
    """Return a CMYK profile with a table of two steps a colour: an ink takes away its part."""
    corners = np.array(list(np.ndindex(2, 2, 2, 2)), float)
    light = (1 - corners[:, 3]) * (
        1 - 0.3 * corners[:, 0] - 0.4 * corners[:, 1] - 0.1 * corners[:, 2]
    )
    a = 128 + 60 * (corners[:, 1] - corners[:, 0]) * (1 - corners[:, 3])
    b = 128 + 70 * (corners[:, 2] - corners[:, 0] / 2) * (1 - corners[:, 3])
    table = np.stack([np.clip(light, 0, 1) * 255, a, b], axis=1).round().astype(np.uint8).tobytes()
    identity = struct.pack(">9i", *(65536 if i % 4 == 0 else 0 for i in range(9)))
    ramp = bytes(range(256))
    lut = b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + identity + ramp * 4 + table + ramp * 3
    described = b"desc" + struct.pack(">4xI", 5) + b"inks\0" + bytes(78)
    tags = {b"desc": described, b"cprt": b"text" + bytes(4) + b"none\0", b"A2B0": lut}
    return _profile(b"CMYK", b"Lab ", {**tags, b"wtpt": _xyz((0.9642, 1.0, 0.8249))})


def _xyz(color: tuple[float, float, float]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65536) for value in color))


def _profile(space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for tag, value in tags.items():
        table += tag + struct.pack(">II", start + len(body), len(value))
        body += value.ljust(-(-len(value) // 4) * 4, b"\0")
    kind = b"mntr" if space == b"RGB " else b"prtr"
    head = struct.pack(">I4sI", start + len(body), b"none", 0x02400000) + kind + space + connection
    head = head.ljust(36, b"\0") + b"acsp"
    head = head.ljust(68, b"\0") + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + table + body


P3 = icc_profile(
    ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841)), 2.2
)
"""Primaries of Display P3."""
