"""Large pictures to make bombs of."""

from __future__ import annotations

from PIL import Image

from image_service.testing.pictures import draw


def clouds(mode: str, side: int = 7000) -> Image.Image:
    """Return a picture of 49 MP as costly to decode as a photo, of one tile again and again."""
    tile = draw((250, 250), mode=mode).resize((500, 500))
    picture = Image.new(mode, (side, side))
    for y in range(0, side, 500):
        for x in range(0, side, 500):
            picture.paste(tile, (x, y))
    return picture
