"""A variant's file: its format, size and metadata, what is refused, and what damage becomes."""

from __future__ import annotations

import io
import random
import tracemalloc
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from image_service.domain.formats import Format, sniff
from image_service.domain.image import PictureFacts
from image_service.domain.transform import Gravity, Padding, Transform
from image_service.errors import CorruptImage, TooManyFrames, TooManyPixels, TruncatedImage
from image_service.imaging.examine import set_up
from image_service.imaging.limits import Limits
from image_service.imaging.render import Source, render
from image_service.testing.pictures import draw
from tests.corpus.damage import SEEDS
from tests.unit.rendering import P3, flat, pixels, psnr, rendered, saved, variant

pytestmark = pytest.mark.filterwarnings("ignore")  # as in a worker


@pytest.fixture(autouse=True, scope="module")
def _set_up() -> Iterator[None]:
    with warnings.catch_warnings():
        set_up(Limits())
        yield


PHOTO = saved(draw((50, 34), seed=6).resize((400, 270), Image.Resampling.BICUBIC))
LOSSY = [Format.JPEG, Format.WEBP, Format.AVIF]


def opened(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


@pytest.mark.parametrize("format_", [*LOSSY, Format.PNG, Format.GIF])
def test_a_variant_is_a_file_of_its_format_and_size(format_: Format) -> None:
    made = rendered(PHOTO, format=format_, width=201, quality=85)
    assert (made.format, made.width, made.height) == (format_, 201, 136)
    assert sniff(made.data) is format_
    with opened(made.data) as picture:
        assert (picture.format, picture.size) == (format_.name, (201, 136))
        shown = np.asarray(picture.convert("RGB"))
    expected = Image.fromarray(variant(PHOTO, width=201).astype(np.uint8))
    # Seen from so far that a GIF's dots are one colour.
    assert psnr(Image.fromarray(shown).reduce(4), expected.reduce(4)) >= 30


@pytest.mark.parametrize("format_", [Format.PNG, Format.WEBP, Format.AVIF, Format.GIF])
def test_transparency_is_kept_where_there_can_be_any(format_: Format) -> None:
    whole = flat((40, 30), (0, 160, 0, 255))
    whole[:, 20:] = (0, 160, 0, 0)
    with opened(rendered(saved(whole), format=format_).data) as picture:
        shown = np.asarray(picture.convert("RGBA")).astype(int)
    assert (shown[:, :18, 3] == 255).all()
    assert (shown[:, 22:, 3] <= 8).all()
    assert np.abs(shown[:, :18, :3] - (0, 160, 0)).max() <= 12


def test_a_gif_of_few_colours_has_exactly_those() -> None:
    whole = flat((40, 30), (10, 20, 30))
    whole[5:9, 7:30] = (200, 100, 0)
    whole[20:, :3] = (0, 0, 0)
    assert np.array_equal(np.asarray(opened(rendered(saved(whole), format=Format.GIF).data)
                                     .convert("RGB")), whole)  # fmt: skip


@pytest.mark.parametrize("format_", LOSSY)
def test_lower_quality_makes_smaller_files(format_: Format) -> None:
    sizes = [len(rendered(PHOTO, format=format_, quality=q).data) for q in (20, 50, 80, 95)]
    assert sizes == sorted(set(sizes))


@pytest.mark.parametrize("format_", LOSSY)
def test_quality_is_lowered_until_a_file_is_small_enough(format_: Format) -> None:
    best = rendered(PHOTO, format=format_, quality=90).data
    worst = rendered(PHOTO, format=format_, quality=10).data
    for share in (0.9, 0.5, 0.25):
        wanted = int(len(worst) + (len(best) - len(worst)) * share)
        made = rendered(PHOTO, format=format_, quality=90, max_bytes=wanted).data
        assert len(worst) <= len(made) <= wanted
        assert len(made) >= 0.4 * wanted, "no worse than needed"
    assert rendered(PHOTO, format=format_, quality=90, max_bytes=len(best)).data == best
    assert rendered(PHOTO, format=format_, quality=90, max_bytes=1).data == worst


@pytest.mark.parametrize(
    ("wanted", "size", "alpha", "format_"),
    [
        (Format.AVIF, (15, 40), False, Format.JPEG),
        (Format.AVIF, (40, 15), True, Format.PNG),
        (Format.AVIF, (16, 16), False, Format.AVIF),
        (Format.WEBP, (16_383, 2), False, Format.WEBP),
        (Format.WEBP, (16_384, 2), False, Format.JPEG),
        (Format.WEBP, (2, 16_384), True, Format.PNG),
        (Format.AVIF, (16_385, 16), False, Format.JPEG),
        (Format.GIF, (65_535, 2), False, Format.GIF),
        (Format.GIF, (65_536, 2), False, Format.PNG),
        (Format.JPEG, (65_500, 2), False, Format.JPEG),
        (Format.JPEG, (65_501, 2), False, Format.PNG),
        (Format.WEBP, (70_000, 2), False, Format.PNG),
    ],
    ids=str,
)
def test_what_a_format_cannot_hold_is_written_in_another(
    wanted: Format, size: tuple[int, int], alpha: bool, format_: Format
) -> None:
    source = flat((size[0] // 10 or 1, size[1]), (0, 160, 0, 128) if alpha else (0, 160, 0))
    width, height = size
    made = rendered(saved(source), format=wanted, width=width, height=height, enlarge=True,
                    resizing_type="force")  # fmt: skip
    assert (made.format, made.width, made.height) == (format_, *size)
    assert sniff(made.data) is format_
    assert opened(made.data).size == size


ARTIST, COPYRIGHT, CAMERA = "Zoë Ärger", "© 2024 Müller", "SecretCam 3000"
XMP = b'<x:xmpmeta><rdf tiff:Orientation="6" dc:title="MyTitle"/></x:xmpmeta>'
SECRETS = (b"SecretCam", b"MyTitle", b"MyComment", b"ICC", b"iCCP", b"acsp", b"GPS", b"xmpmeta")


def exif() -> Image.Exif:
    """Return EXIF with names, a camera, a turn and a place."""
    found = Image.Exif()
    found[315], found[33432] = ARTIST.encode(), COPYRIGHT.encode()
    found[272], found[274] = CAMERA, 6
    found.get_ifd(34853)[1] = "N"
    found.get_ifd(34853)[2] = (51.0, 30.0, 12.0)
    return found


def noted(kind: str) -> bytes:
    """Return a picture with all the metadata that its format holds."""
    options: dict[str, Any] = {"exif": exif(), "icc_profile": P3}
    if kind == "PNG":
        texts = PngImagePlugin.PngInfo()
        texts.add_text("Comment", "MyComment")
        texts.add_itxt("XML:com.adobe.xmp", XMP.decode())
        options["pnginfo"] = texts
    elif kind != "TIFF":
        options["xmp"] = XMP
    if kind == "JPEG":
        options["comment"] = "MyComment"
    if kind == "AVIF":  # of a turn Pillow makes a property, and question marks of the rest
        del options["exif"][274]
        options["exif"] = options["exif"].tobytes()
    return saved(draw((40, 24), seed=1), kind, **options)


def texts_of(picture: Image.Image) -> dict[int, str]:
    """Return EXIF's texts: Pillow takes them for Latin-1."""
    return {
        tag: value.encode("latin-1").decode()
        for tag, value in picture.getexif().items()
        if isinstance(value, str)
    }


KINDS = ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"]
KEEPING = [Format.JPEG, Format.PNG, Format.WEBP, Format.AVIF]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("format_", [*KEEPING, Format.GIF])
def test_metadata_is_gone_unless_it_is_to_be_kept(kind: str, format_: Format) -> None:
    for step in ({}, {"width": 20}, {"rotate": 90}):
        made = rendered(noted(kind), orientation=6, format=format_, keep_copyright=False, **step)
        with opened(made.data) as picture:
            assert not picture.getexif()
            assert not {"icc_profile", "xmp", "comment", "Comment"} & set(picture.info)
        assert not [each for each in (*SECRETS, ARTIST.encode()) if each in made.data]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("format_", KEEPING)
def test_copyright_and_nothing_else_is_kept_by_default(kind: str, format_: Format) -> None:
    made = rendered(noted(kind), orientation=6, format=format_)
    with opened(made.data) as picture:
        assert texts_of(picture) == {315: ARTIST, 33432: COPYRIGHT}
        assert set(picture.getexif()) == {315, 33432}
        assert not {"icc_profile", "xmp", "comment"} & set(picture.info)
    assert not [secret for secret in SECRETS if secret in made.data]


def test_what_a_png_tells_after_its_pixels_is_kept_too() -> None:
    data = saved(draw((40, 24), seed=1), exif=exif())
    start = data.index(b"eXIf") - 4
    end = start + 12 + int.from_bytes(data[start : start + 4], "big")
    late = data[:start] + data[end:-12] + data[start:end] + data[-12:]
    assert b"eXIf" in late[late.index(b"IDAT") :]
    with opened(rendered(late, format=Format.JPEG).data) as picture:
        assert texts_of(picture) == {315: ARTIST, 33432: COPYRIGHT}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("format_", KEEPING)
@pytest.mark.parametrize("auto_rotate", [True, False])
def test_all_metadata_is_kept_when_asked_but_for_the_turn(
    kind: str, format_: Format, auto_rotate: bool
) -> None:
    made = rendered(noted(kind), orientation=6, format=format_, auto_rotate=auto_rotate,
                    strip_metadata=False, strip_color_profile=False)  # fmt: skip
    with opened(made.data) as picture:
        assert texts_of(picture) == {272: CAMERA, 315: ARTIST, 33432: COPYRIGHT}
        assert picture.getexif().get(274, 1) == 1
        assert picture.info["icc_profile"] == P3
        if kind != "TIFF":
            assert picture.getexif().get_ifd(34853)[2] == (51.0, 30.0, 12.0)
            xmp = picture.info["xmp"]
            xmp = xmp.encode() if isinstance(xmp, str) else xmp
            assert xmp == XMP.replace(b'Orientation="6"', b'Orientation="1"')
        assert picture.size == ((24, 40) if auto_rotate else (40, 24))


@pytest.mark.parametrize(
    "damage", [b"", b"nonsense", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff"]
)
def test_damaged_exif_is_no_obstacle(damage: bytes) -> None:
    data = saved(draw((40, 24)), "JPEG", exif=b"Exif\0\0" + damage)
    for strip in (True, False):
        for format_ in KEEPING:
            made = rendered(data, format=format_, strip_metadata=strip)
            assert (made.width, made.height) == (40, 24)


def test_what_no_jpeg_can_hold_is_left_away() -> None:
    long = Image.Exif()
    long[270] = "x" * 100_000
    made = rendered(saved(draw((40, 24)), exif=long), format=Format.JPEG, strip_metadata=False)
    assert opened(made.data).size == (40, 24)
    assert rendered(saved(draw((40, 24)), exif=long), strip_metadata=False).data.count(
        b"x" * 99_000
    )


@pytest.mark.parametrize(
    "wanted",
    [
        {"width": 8000, "height": 8000, "enlarge": True},
        {"zoom_x": 100.0, "zoom_y": 100.0, "enlarge": True},
        {"width": 100, "dpr": 100.0, "enlarge": True},
        {"padding": Padding(5000, 5000, 5000, 5000)},
        {"width": 9000, "height": 9000, "extend": Gravity()},
        {"width": 16_000, "height": 1, "extend_aspect_ratio": Gravity(), "padding": Padding(3500)},
    ],
    ids=str,
)
def test_a_variant_is_no_larger_than_an_original_may_be(wanted: dict[str, Any]) -> None:
    data = saved(draw((100, 100)))
    tracemalloc.start()
    with pytest.raises(TooManyPixels) as caught:
        rendered(data, **wanted)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert caught.value.setting == "max_pixels"
    assert caught.value.actual > 50_000_000 == caught.value.limit
    assert peak < 5_000_000


def test_the_limit_itself_is_allowed() -> None:
    limits, data = Limits(max_pixels=10_000), saved(draw((50, 50)))
    assert rendered(data, width=100, enlarge=True, limits=limits).width == 100
    with pytest.raises(TooManyPixels):
        rendered(data, width=101, enlarge=True, limits=limits)


def test_all_frames_together_are_held_to_a_limit() -> None:
    frames = [draw((50, 50), seed=i) for i in range(4)]
    data = saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=50)
    wanted = {"frames": 4, "width": 100, "enlarge": True, "format": Format.WEBP}
    assert rendered(data, limits=Limits(max_frames_pixels=40_000), **wanted).width == 100
    with pytest.raises(TooManyFrames) as caught:
        rendered(data, limits=Limits(max_frames_pixels=39_999), **wanted)
    assert (caught.value.setting, caught.value.actual) == ("max_frames_pixels", 40_000)
    still = {**wanted, "format": Format.JPEG}
    assert rendered(data, limits=Limits(max_frames_pixels=39_999), **still).width == 100


WANTED: tuple[dict[str, Any], ...] = (
    {"format": Format.JPEG, "width": 20},
    {"format": Format.WEBP},
    {"format": Format.GIF, "crop_width": 10, "strip_metadata": False},
)


@pytest.mark.parametrize("name", [name for name in SEEDS if name != "HEIC"])
def test_damaged_data_is_told_to_be_and_nothing_else(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1_000_000)
    data = SEEDS[name]((32, 24))
    format_, frames = sniff(data), 3 if "anim" in name.lower() or name == "APNG" else 1
    assert format_
    chance = random.Random(name)
    refused = 0
    for number in range(60):
        mutant = bytearray(data)
        for _ in range(chance.randint(1, 8)):
            mutant[chance.randrange(16, len(mutant))] = chance.randrange(256)
        damaged = bytes(mutant[: chance.randrange(16, len(mutant))] if number % 4 == 0 else mutant)
        transform = Transform(quality=60, **WANTED[number % len(WANTED)])
        try:
            made = render(
                Source(damaged, PictureFacts(format_, 32, 24, frames)), transform, Limits()
            )
        except (CorruptImage, TooManyPixels):
            refused += 1
        else:
            assert opened(made.data).size == (made.width, made.height)
    assert refused >= 10


@pytest.mark.parametrize("name", ["baseline JPEG", "PNG", "GIF", "WebP", "AVIF", "TIFF", "BMP"])
def test_data_that_ends_too_early_is_refused(name: str) -> None:
    data = SEEDS[name]((200, 150))
    with pytest.raises(CorruptImage):
        rendered(data[: len(data) // 2], width=50)


def test_a_jpeg_that_ends_too_early_is_told_to_be_cut_short() -> None:
    with pytest.raises(TruncatedImage):
        rendered(SEEDS["baseline JPEG"]((200, 150))[:2000], width=50)


def test_a_variant_is_the_same_bytes_each_time() -> None:
    for format_ in (*LOSSY, Format.PNG, Format.GIF):
        one = rendered(PHOTO, format=format_, width=100, blur=1.0)
        assert one == rendered(PHOTO, format=format_, width=100, blur=1.0)
        assert pixels(one).shape[:2] == (68, 100)
