"""Smart gravity: where the most striking part of a picture is, by smartcrop.

It weighs edges, skin colours and saturation (https://github.com/smartcrop/smartcrop.py). Where
those are is its; which part has the most of them is found here: its own choice shuns what is near
the edge of a part even where that is the edge of the picture.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image
from smartcrop import SmartCrop

from ..domain.turns import Size

_SIDE_PX = 160
# Parts that show nearly as much as the best do count, too: of those the middle one is taken.
_NEARLY_ALL = 0.98
_analyser = SmartCrop()


def warm_up() -> None:
    """Do the first work, which loads modules."""
    find(Image.new("RGB", (32, 24)), Size(24, 24))


def find(picture: Image.Image, inner: Size) -> tuple[int, int]:
    """Return left and top, in px, of the part of this size that shows the most.

    Args: picture: RGB or RGBA, inner: at most as large.
    """
    outer = Size(*picture.size)
    scale = min(1.0, _SIDE_PX / max(outer))
    small = _visible(picture).resize(
        (max(1, round(outer.width * scale)), max(1, round(outer.height * scale))),
        Image.Resampling.BOX,
        reducing_gap=1.0,
    )
    width = max(1, min(small.width, round(inner.width * scale)))
    height = max(1, min(small.height, round(inner.height * scale)))
    left, top = _best(_weights(small), width, height)
    # The ends of the small picture are those of the large one, however sizes were rounded.
    x = (outer.width - inner.width) / max(1, small.width - width)
    y = (outer.height - inner.height) / max(1, small.height - height)
    return round(left * x), round(top * y)


def _visible(picture: Image.Image) -> Image.Image:
    """Return picture as it is seen on white: hidden colours strike no one."""
    if picture.mode != "RGBA":
        return picture.convert("RGB")
    ground = Image.new("RGB", picture.size, "white")
    ground.paste(picture, mask=picture.getchannel("A"))
    return ground


def _weights(picture: Image.Image) -> Any:
    """Return how much each px of an RGB picture strikes: an array of height × width."""
    features = _analyser.prepare_features_image(picture)
    weights = _analyser.precompute_features(features).astype(np.float64)
    # Of those at the edge Pillow's filter tells how light they are instead.
    weights[[0, -1]] = weights[:, [0, -1]] = 0
    return weights


def _best(weights: Any, width: int, height: int) -> tuple[int, int]:
    """Return left and top of the part with the most weight; of several such the middle one's."""
    sums = np.pad(weights.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    parts = (
        sums[height:, width:] - sums[:-height, width:]
        - sums[height:, :-width] + sums[:-height, :-width]
    )  # fmt: skip
    places = np.argwhere(parts >= parts.max() * _NEARLY_ALL)
    middle = places.mean(axis=0)
    top, left = places[((places - middle) ** 2).sum(axis=1).argmin()]
    return int(left), int(top)
