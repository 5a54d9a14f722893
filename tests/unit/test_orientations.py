"""Turned pictures are told in the size, and show the pixels, of what was photographed."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageOps, ImageStat

from image_service.domain.formats import Format
from image_service.imaging.limits import Limits
from image_service.imaging.probe import probe, set_up
from image_service.testing import png
from tests.corpus.containers import BYTE, SHORT, exif, png_chunk, tiff_file, tiff_tags

WIDTH, HEIGHT = 48, 32
ORIENTATION_TAG = 0x0112
STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How an upright picture is turned to be stored: the inverse of what a viewer does."""
FORMATS: dict[str, tuple[Format, dict[str, Any], float]] = {
    "JPEG": (Format.JPEG, {"quality": 95, "subsampling": 0}, 6.0),
    "PNG": (Format.PNG, {}, 0.0),
    "lossy WebP": (Format.WEBP, {"quality": 95}, 12.0),
    "lossless WebP": (Format.WEBP, {"lossless": True}, 0.0),
    "TIFF": (Format.TIFF, {}, 0.0),
    "LZW TIFF": (Format.TIFF, {"compression": "tiff_lzw"}, 0.0),
    "AVIF": (Format.AVIF, {"quality": 95, "subsampling": "4:4:4", "max_threads": 1}, 6.0),
}
"""A format, how it is saved, and how far its pixels may be off on average, of 255."""

pytestmark = pytest.mark.filterwarnings("ignore")  # as in a worker


@pytest.fixture(autouse=True, scope="module")
def _set_up() -> Iterator[None]:
    with warnings.catch_warnings():
        set_up(Limits())
        yield


def upright() -> Image.Image:
    """Return a picture that no turn leaves as it is: a ramp to the right and one down."""
    right = Image.linear_gradient("L").rotate(90).resize((WIDTH, HEIGHT))
    down = Image.linear_gradient("L").resize((WIDTH, HEIGHT))
    corner = Image.new("L", (WIDTH, HEIGHT), 40)
    corner.paste(220, (0, 0, WIDTH // 3, HEIGHT // 4))
    return Image.merge("RGB", (right, down, corner))


def stored(name: str, orientation: int) -> bytes:
    """Return the upright picture as a camera held in that way stores it."""
    format_, options, _ = FORMATS[name]
    turned = upright()
    if orientation in STORED:
        turned = turned.transpose(STORED[orientation])
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = orientation
    buffer = io.BytesIO()
    turned.save(buffer, format_.name, exif=exif, **options)
    return buffer.getvalue()


def shown(data: bytes) -> Image.Image:
    """Return the picture as a viewer shows it."""
    with Image.open(io.BytesIO(data)) as picture:
        return ImageOps.exif_transpose(picture).convert("RGB")


def difference(one: Image.Image, other: Image.Image) -> float:
    """Return by how much pixels differ in the channel that differs most, on average, of 255."""
    return max(ImageStat.Stat(ImageChops.difference(one, other)).mean)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", FORMATS)
def test_width_and_height_are_those_of_the_upright_picture(name: str, orientation: int) -> None:
    data = stored(name, orientation)
    facts = probe(data, FORMATS[name][0], Limits())
    assert (facts.width, facts.height) == shown(data).size == (WIDTH, HEIGHT)
    assert facts.orientation == orientation


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", FORMATS)
def test_a_turned_picture_shows_the_upright_ones_pixels(name: str, orientation: int) -> None:
    off_by = difference(shown(stored(name, orientation)), upright())
    assert off_by <= FORMATS[name][2]


@pytest.mark.parametrize("orientation", range(2, 9))
def test_the_upright_picture_differs_from_itself_turned_in_any_way(orientation: int) -> None:
    turned = upright().transpose(STORED[orientation]).resize((WIDTH, HEIGHT))
    assert difference(turned, upright()) > 20


TURNED = exif([(ORIENTATION_TAG, SHORT, 1, 6)])
XMP = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'


def behind_pixels() -> bytes:
    """Return a PNG turned by EXIF behind its pixels, where ExifTool writes it."""
    data = png((HEIGHT, WIDTH))
    return data[:-12] + png_chunk(b"eXIf", TURNED) + data[-12:]


def by_xmp_alone() -> bytes:
    """Return a TIFF of which only the XMP packet says that it is turned."""
    tags = tiff_tags(HEIGHT, WIDTH, xmp=(700, BYTE, len(XMP), 8 + WIDTH * HEIGHT))
    return tiff_file(tags, bytes(WIDTH * HEIGHT) + XMP)


def test_a_png_is_not_turned_by_exif_behind_its_pixels() -> None:
    """PNG (Third Edition) wants eXIf before IDAT, and browsers look nowhere else."""
    facts = probe(behind_pixels(), Format.PNG, Limits())
    assert (facts.orientation, facts.width, facts.height) == (1, HEIGHT, WIDTH)


def test_a_tiffs_size_and_orientation_agree_when_only_xmp_turns_it() -> None:
    facts = probe(by_xmp_alone(), Format.TIFF, Limits())
    is_turned = (facts.width, facts.height) == (WIDTH, HEIGHT)
    assert is_turned == (facts.orientation == 6)
