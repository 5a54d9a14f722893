"""What a picture looks like: hashes, preview and colour."""

from __future__ import annotations

import io
import itertools
import random

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageDraw, ImageEnhance, ImageOps

from image_service.domain.fingerprint import (
    BANDS,
    MAX_DISTANCE,
    alike_bands,
    bands,
    distance,
)
from image_service.imaging import thumbhash
from image_service.imaging.fingerprint import fingerprint

_random = random.Random(11)


def scene(size: tuple[int, int] = (320, 240), seed: int = 1) -> Image.Image:
    """Return a picture with large shapes, as photographs have them."""
    shapes = random.Random(seed)
    picture = Image.new("RGB", size, (40, 90, 160))
    draw = ImageDraw.Draw(picture)
    for _ in range(12):
        x, y = shapes.randrange(size[0]), shapes.randrange(size[1])
        color = tuple(shapes.randrange(256) for _ in range(3))
        draw.ellipse((x - 40, y - 30, x + 40, y + 30), fill=color)
    return picture


def hash_of(picture: Image.Image) -> int:
    return fingerprint(picture, orientation=1).perceptual_hash


def encoded(picture: Image.Image, kind: str, **options: int) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return Image.open(io.BytesIO(buffer.getvalue()))


def test_distance_counts_differing_bits() -> None:
    assert distance(0, 0) == 0
    assert distance(0b1011, 0b0001) == 2
    assert distance(0, 2**64 - 1) == 64


def test_bands_hold_every_bit_once() -> None:
    for position in range(64):
        assert sorted(map(int.bit_count, bands(1 << position))) == [0, 0, 1]
    assert [number.bit_length() for number in bands(2**64 - 1)] == [22, 21, 21]


@pytest.mark.parametrize("flipped", range(MAX_DISTANCE + 1))
def test_every_hash_within_reach_shares_a_band(flipped: int) -> None:
    for _ in range(50):
        one = _random.getrandbits(64)
        other = one
        for bit in _random.sample(range(64), flipped):
            other ^= 1 << bit
        wanted = alike_bands(one, flipped)
        assert any(bands(other)[band] in wanted[band] for band in range(BANDS))


def test_a_copy_scaled_recompressed_or_brightened_is_near() -> None:
    original = scene()
    copies = [
        original.resize((200, 150)),
        encoded(original, "JPEG", quality=40),
        encoded(original, "WEBP", quality=40),
        ImageEnhance.Brightness(original).enhance(1.15),
        original.convert("L"),
    ]
    assert [distance(hash_of(original), hash_of(copy)) <= 6 for copy in copies] == [True] * 5


def test_other_pictures_are_far() -> None:
    hashes = [hash_of(scene(seed=seed)) for seed in range(8)]
    assert min(distance(a, b) for a, b in itertools.combinations(hashes, 2)) > MAX_DISTANCE


@pytest.mark.parametrize("size", [(400, 200), (90, 70), (331, 243)], ids=str)
def test_a_picture_has_the_fingerprint_of_how_it_is_seen(size: tuple[int, int]) -> None:
    upright = scene(size)
    wanted = fingerprint(upright, orientation=1)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored = next(
            turned
            for turned in (
                upright.transpose(t) if t is not None else upright for t in (None, *Image.Transpose)
            )
            if _as_seen(turned, exif).tobytes() == upright.tobytes()
        )
        found = fingerprint(stored, orientation=orientation)
        if size == (331, 243):  # scaled down from the other end, by a part of a pixel
            assert distance(found.perceptual_hash, wanted.perceptual_hash) <= 2
        else:
            assert found == wanted


def _as_seen(picture: Image.Image, exif: Image.Exif) -> Image.Image:
    copy = picture.copy()
    copy.info["exif"] = exif.tobytes()
    copy.getexif()[0x0112] = exif[0x0112]
    return ImageOps.exif_transpose(copy)


def test_the_dominant_colour_is_the_one_there_is_most_of() -> None:
    picture = Image.new("RGB", (100, 100), (200, 30, 30))
    picture.paste((20, 20, 220), (0, 0, 100, 40))
    assert fingerprint(picture, orientation=1).dominant_color == "#c81e1e"


def test_what_cannot_be_seen_has_no_colour() -> None:
    picture = Image.new("RGBA", (100, 100), (255, 0, 0, 0))
    picture.paste((0, 128, 0, 255), (0, 0, 20, 100))
    assert fingerprint(picture, orientation=1).dominant_color == "#008000"
    other = Image.new("RGBA", (100, 100), (0, 0, 255, 0))
    other.paste((0, 128, 0, 255), (0, 0, 20, 100))
    assert fingerprint(picture, orientation=1) == fingerprint(other, orientation=1)


def test_colours_are_as_their_profile_means_them() -> None:
    picture = Image.new("LAB", (50, 50), (128, 200, 128))
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    picture.info["icc_profile"] = lab.tobytes()
    color = fingerprint(picture, orientation=1).dominant_color
    red, green = int(color[1:3], 16), int(color[3:5], 16)
    assert red > 180 > 100 > green, "Lab with much a is red"


def test_a_damaged_profile_is_no_obstacle() -> None:
    picture = scene()
    expected = fingerprint(picture, orientation=1)
    picture.info["icc_profile"] = b"nonsense" * 100
    assert fingerprint(picture, orientation=1) == expected


def _deep(mode: str) -> Image.Image:
    ramp = np.linspace(0, 65535, 64 * 48).reshape(48, 64)
    if mode == "F":
        values = ramp.astype(np.float32)
        values[0, 0], values[0, 1] = np.nan, np.inf
        return Image.fromarray(values)
    if mode == "I":
        return Image.fromarray(ramp.astype(np.int32))
    return Image.fromarray(ramp.astype(np.uint16))


@pytest.mark.parametrize("mode", ["I;16", "I", "F"])
def test_deep_greys_are_seen_as_the_same_in_eight_bits(mode: str) -> None:
    deep = _deep(mode)
    assert deep.mode == mode
    shallow = Image.fromarray((np.linspace(0, 255, 64 * 48).reshape(48, 64)).astype(np.uint8))
    assert distance(hash_of(deep), hash_of(shallow)) <= 6


MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "HSV", "La",
         "RGBa", "I", "F", "I;16")  # fmt: skip


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (3, 2), (150, 101)])
@pytest.mark.parametrize("mode", MODES)
def test_every_mode_and_shape_has_a_fingerprint(mode: str, size: tuple[int, int]) -> None:
    found = fingerprint(Image.new(mode, size), orientation=1)
    assert 5 <= len(found.thumbhash) <= 25
    assert len(found.dominant_color) == 7
    assert 0 <= found.perceptual_hash < 2**64


def test_a_thumbhash_tells_average_colour_and_shape() -> None:
    """The values are those of the reference implementation for the same pixels."""
    flat = np.full((30, 40, 4), (255, 0, 0, 255), np.uint8)
    head = int.from_bytes(thumbhash.encode(flat)[:3], "little")
    assert head & 63 == 21  # a third of full lightness
    assert head >> 6 & 63 == 47  # yellow against blue: +0.5
    assert head >> 12 & 63 == 63  # red against green: +1
    assert not head >> 23, "no alpha"
    tail = int.from_bytes(thumbhash.encode(flat)[3:5], "little")
    assert tail >> 15 == 1, "landscape"
    assert tail & 7 == 5  # 7 waves across, 7 * 30 / 40 down
