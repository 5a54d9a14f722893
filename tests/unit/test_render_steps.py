"""Each step of rendering does what it says, and they come in the order that is told."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from image_service.domain.formats import Format
from image_service.domain.transform import Gravity, Padding, Trim, Watermark
from image_service.imaging.examine import set_up
from image_service.imaging.limits import Limits
from image_service.testing.pictures import draw
from tests.unit.rendering import flat, pixels, saved, variant

RED, GREEN, BLUE = (255, 0, 0), (0, 160, 0), (0, 0, 255)
NOTHING = (0, 0, 0, 0)

pytestmark = pytest.mark.filterwarnings("ignore")  # as in a worker


@pytest.fixture(autouse=True, scope="module")
def _set_up() -> Iterator[None]:
    with warnings.catch_warnings():
        set_up(Limits())
        yield


def placed(size: tuple[int, int], ground: tuple[int, ...], *boxes: Any) -> Any:
    """Return a ground with (left, top, right, bottom, colour)s on it, as pixels."""
    whole = flat(size, ground)
    for left, top, right, bottom, color in boxes:
        whole[top:bottom, left:right] = color
    return whole


TILE = saved(flat((20, 10), RED))
PLACES = [
    ("nowe", 0, 0), ("no", 20, 0), ("noea", 40, 0), ("we", 0, 20), ("ce", 20, 20), ("ea", 40, 20),
    ("sowe", 0, 40), ("so", 20, 40), ("soea", 40, 40),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "left", "top"), PLACES)
def test_a_small_picture_is_extended_to_the_size_asked_for(kind: str, left: int, top: int) -> None:
    shown = variant(TILE, width=60, height=50, extend=Gravity(kind))
    box = (left, top, left + 20, top + 10, (*RED, 255))
    assert np.array_equal(shown, placed((60, 50), NOTHING, box))


def test_an_extended_picture_has_the_background() -> None:
    shown = variant(TILE, width=60, height=50, extend=Gravity("nowe", 3, 4), background=BLUE)
    assert np.array_equal(shown, placed((60, 50), BLUE, (3, 4, 23, 14, RED)))


@pytest.mark.parametrize(
    ("width", "height", "expected"), [(30, 30, (20, 20)), (100, 10, (100, 10)), (40, 20, (20, 10))]
)
def test_a_picture_is_extended_to_a_shape(
    width: int, height: int, expected: tuple[int, int]
) -> None:
    shown = variant(TILE, width=width, height=height, extend_aspect_ratio=Gravity("soea"))
    left, top = expected[0] - 20, expected[1] - 10
    box = (left, top, left + 20, top + 10, RED)
    if expected == (20, 10):
        assert np.array_equal(shown, flat((20, 10), RED))
    else:
        box = (*box[:4], (*RED, 255))
        assert np.array_equal(shown, placed(expected, NOTHING, box))


def test_padding_goes_around_a_picture_and_is_scaled_by_dpr() -> None:
    shown = variant(TILE, padding=Padding(1, 2, 3, 4), background=BLUE)
    assert np.array_equal(shown, placed((26, 14), BLUE, (4, 1, 24, 11, RED)))
    shown = variant(TILE, padding=Padding(1, 2, 3, 4), width=10, dpr=2.0)
    assert np.array_equal(shown, placed((32, 18), NOTHING, (8, 2, 28, 12, (*RED, 255))))


def test_padding_goes_around_what_was_extended() -> None:
    shown = variant(
        TILE,
        width=30,
        height=10,
        extend=Gravity("we"),
        padding=Padding(5, 5, 5, 5),
        background=BLUE,
    )
    assert np.array_equal(shown, placed((40, 20), BLUE, (5, 5, 25, 15, RED)))


def test_room_is_white_in_a_jpeg() -> None:
    shown = variant(TILE, padding=Padding(16, 16, 16, 16), format=Format.JPEG, quality=95)
    assert np.abs(shown[:12] - 255).max() <= 3


def test_a_background_is_behind_what_is_transparent_and_nowhere_else() -> None:
    whole = placed(
        (20, 10), (*RED, 255), (0, 0, 10, 10, (9, 9, 9, 0)), (10, 0, 15, 10, (*RED, 128))
    )
    shown = variant(saved(whole), background=BLUE)
    expected = placed((20, 10), RED, (0, 0, 10, 10, BLUE), (10, 0, 15, 10, (128, 0, 127)))
    assert np.abs(shown - expected).max() <= 1


GROUND = saved(flat((60, 50), BLUE))
MARK = saved(flat((20, 10), (*RED, 255)))


def marked(data: bytes = GROUND, *, mark: bytes = MARK, **wanted: Any) -> Any:
    """Return the pixels of a picture with a watermark; wanted: also the fields of that."""
    how = [wanted.pop(name, value) for name, value in WATERMARK.items()]
    return variant(data, mark=mark, watermark=Watermark(*how), **wanted)


WATERMARK = {"opacity": 1.0, "gravity": Gravity(), "scale": 0.0}


@pytest.mark.parametrize(("kind", "left", "top"), PLACES)
def test_a_watermark_is_put_where_it_is_asked_for(kind: str, left: int, top: int) -> None:
    box = (left, top, left + 20, top + 10, RED)
    assert np.array_equal(marked(gravity=Gravity(kind)), placed((60, 50), BLUE, box))


def test_a_watermarks_offsets_lead_inwards_in_px_or_shares() -> None:
    shown = marked(gravity=Gravity("soea", 5, 0.1))
    assert np.array_equal(shown, placed((60, 50), BLUE, (35, 35, 55, 45, RED)))
    shown = marked(gravity=Gravity("nowe", -15, -4))
    assert np.array_equal(shown, placed((60, 50), BLUE, (0, 0, 5, 6, RED)))
    shown = marked(gravity=Gravity("nowe", 55, 45))
    assert np.array_equal(shown, placed((60, 50), BLUE, (55, 45, 60, 50, RED)))


def test_a_watermarks_opacity_is_its_share() -> None:
    shown = marked(opacity=0.25, gravity=Gravity("nowe"))
    assert np.abs(shown[5, 5] - (64, 0, 191)).max() <= 1
    half = saved(flat((20, 10), (*RED, 128)))
    assert np.abs(marked(mark=half, opacity=0.5)[25, 30] - (64, 0, 191)).max() <= 1


@pytest.mark.parametrize(("scale", "size"), [(0.5, (30, 15)), (1, (60, 30)), (0.1, (6, 3))])
def test_a_watermark_is_scaled_to_a_share_of_the_picture(
    scale: float, size: tuple[int, int]
) -> None:
    shown = marked(scale=scale, gravity=Gravity("nowe"))
    assert np.array_equal(shown, placed((60, 50), BLUE, (0, 0, *size, RED)))


def test_a_watermark_without_a_scale_keeps_its_size_even_if_it_is_larger() -> None:
    mark = placed((100, 90), (*RED, 255), (50, 45, 51, 46, (*GREEN, 255)))
    shown = marked(mark=saved(mark))
    assert (shown == GREEN).all(axis=2).sum() == 1
    assert (shown == RED).all(axis=2).sum() == 60 * 50 - 1


def test_a_watermark_scaled_far_beyond_the_picture_takes_no_more_room_than_it() -> None:
    mark = saved(draw((60, 50), seed=1))
    ground = saved(flat((1200, 1000), BLUE))
    shown = marked(ground, mark=mark, scale=100)
    middle = pixels(mark)[24:26, 29:31].reshape(-1, 3)
    assert np.abs(np.median(shown.reshape(-1, 3), axis=0) - middle.mean(axis=0)).max() <= 30


def test_repeated_watermarks_fill_the_picture_around_one_in_the_middle() -> None:
    mark = placed((20, 10), (*RED, 255), (0, 0, 1, 1, (*GREEN, 255)))
    shown = marked(mark=saved(mark), gravity=Gravity("re"))
    expected = placed((60, 50), RED, *((x, y, x + 1, y + 1, GREEN)
                                       for x in (0, 20, 40) for y in range(0, 50, 10)))  # fmt: skip
    assert np.array_equal(shown, expected)
    wide = marked(saved(flat((50, 44), BLUE)), mark=saved(mark), gravity=Gravity("re"))
    greens = np.argwhere((wide == GREEN).all(axis=2)).tolist()
    assert greens == [[y, x] for y in (7, 17, 27, 37) for x in (15, 35)]


def test_repeated_watermarks_have_gaps_in_px_or_shares() -> None:
    shown = marked(gravity=Gravity("re", 10, 0.2))
    boxes = [(x, y, x + 20, y + 10, RED) for x in (-10, 20, 50) for y in (0, 20, 40)]
    clipped = [(max(0, left), *rest) for left, *rest in boxes]
    assert np.array_equal(shown, placed((60, 50), BLUE, *clipped))


def test_a_tiny_watermark_is_repeated_as_fast_as_any() -> None:
    ground = saved(flat((1500, 1000), BLUE))
    shown = marked(ground, mark=saved(flat((1, 1), (*RED, 255))), gravity=Gravity("re", 1, 1))
    assert (shown == RED).all(axis=2).mean() == pytest.approx(0.25, abs=0.01)


def test_a_watermark_is_not_resized_or_filtered_with_the_picture() -> None:
    shown = marked(saved(flat((240, 200), BLUE)), width=60, blur=5.0, gravity=Gravity("nowe"))
    assert np.array_equal(shown, placed((60, 50), BLUE, (0, 0, 20, 10, RED)))


def test_a_watermark_lies_over_the_padding_and_the_background() -> None:
    shown = marked(TILE, padding=Padding(20, 20, 20, 20), background=BLUE,
                   mark=saved(flat((5, 5), (*GREEN, 255))), gravity=Gravity("nowe"))  # fmt: skip
    expected = placed((60, 50), BLUE, (20, 20, 40, 30, RED), (0, 0, 5, 5, GREEN))
    assert np.array_equal(shown, expected)


def test_a_watermark_over_nothing_is_seen_as_it_is() -> None:
    shown = marked(saved(flat((60, 50), NOTHING)), opacity=0.5)
    assert np.abs(shown[25, 30] - (*RED, 128)).max() <= 1
    assert shown[0, 0, 3] == 0


def test_no_watermark_is_put_where_none_is_asked_for_or_configured() -> None:
    assert np.array_equal(variant(GROUND, mark=MARK), flat((60, 50), BLUE))
    assert np.array_equal(variant(GROUND, watermark=Watermark(1.0)), flat((60, 50), BLUE))


EDGE = placed((80, 40), (0, 0, 0), (40, 0, 80, 40, (200, 200, 200)))


@pytest.mark.parametrize("sigma", [1.0, 3.0, 6.0])
def test_blur_is_a_gaussian_of_this_deviation(sigma: float) -> None:
    shown = variant(saved(EDGE), blur=sigma)[20, :, 0]
    x = np.arange(80)
    kernel = np.exp(-((x[:, None] - x[None, :]) ** 2) / (2 * sigma**2))
    expected = (kernel / kernel.sum(axis=1, keepdims=True)) @ EDGE[20, :, 0]
    assert np.abs(shown - expected)[15:65].max() <= 5


@pytest.mark.parametrize("step", [{"blur": 3.0}, {"sharpen": 2.0}, {"pixelate": 8}], ids=str)
def test_filters_do_not_show_the_colour_under_what_is_transparent(step: dict[str, Any]) -> None:
    whole = placed((40, 20), (*GREEN, 255), (19, 0, 40, 20, (255, 0, 255, 0)))
    shown = variant(saved(whole), **step)
    assert np.abs(shown[shown[..., 3] >= 32][:, :3] - GREEN).max() <= 4


def test_sharpen_makes_edges_steeper_and_leaves_what_is_flat() -> None:
    soft = np.asarray(Image.fromarray(EDGE.astype(np.uint8)).resize((20, 10)).resize((80, 40)))
    shown = variant(saved(soft), sharpen=1.5).astype(int)
    assert (
        np.abs(np.diff(shown[20, :, 0])).max() > np.abs(np.diff(soft[20, :, 0].astype(int))).max()
    )
    assert np.array_equal(shown[:, :20], soft[:, :20])


def test_pixelate_shows_the_mean_of_each_square() -> None:
    whole = np.asarray(draw((50, 30), seed=1)).astype(int)
    shown = variant(saved(whole), pixelate=8)
    assert shown.shape == whole.shape
    for top in range(0, 30, 8):
        for left in range(0, 50, 8):
            square = whole[top : top + 8, left : left + 8].reshape(-1, 3).mean(axis=0)
            found = shown[top : top + 8, left : left + 8].reshape(-1, 3)
            assert np.abs(found - square).max() <= 1


def test_pixelate_by_more_than_the_picture_leaves_one_colour() -> None:
    whole = np.asarray(draw((50, 30), seed=1)).astype(int)
    shown = variant(saved(whole), pixelate=64)
    assert np.abs(shown - whole.reshape(-1, 3).mean(axis=0)).max() <= 1


COLORS = np.asarray(draw((60, 40), seed=9)).astype(int)


@pytest.mark.parametrize("brightness", [-255, -40, 1, 100, 255])
def test_brightness_is_added_to_every_channel(brightness: int) -> None:
    shown = variant(saved(COLORS), brightness=brightness)
    assert np.array_equal(shown, np.clip(COLORS + brightness, 0, 255))


@pytest.mark.parametrize("contrast", [0.25, 0.8, 1.5, 4.0])
def test_contrast_multiplies_the_distance_to_the_middle(contrast: float) -> None:
    shown = variant(saved(COLORS), contrast=contrast)
    expected = np.clip((COLORS - 127.5) * contrast + 127.5, 0, 255)
    assert np.abs(shown - expected).max() <= 0.5


@pytest.mark.parametrize("saturation", [0.1, 0.5, 2.0])
def test_saturation_multiplies_the_distance_to_grey(saturation: float) -> None:
    shown = variant(saved(COLORS), saturation=saturation)
    grey = COLORS @ (0.299, 0.587, 0.114)
    expected = grey[..., None] + (COLORS - grey[..., None]) * saturation
    assert np.abs(shown - np.clip(expected, 0, 255)).max() <= 2


def test_colours_change_and_transparency_stays() -> None:
    whole = np.asarray(draw((40, 30), seed=2, mode="RGBA")).astype(int)
    shown = variant(saved(whole), brightness=30, contrast=1.5, saturation=0.5)
    assert np.array_equal(shown[..., 3], whole[..., 3])


def test_radii_and_squares_are_px_whatever_dpr_is() -> None:
    whole = saved(np.asarray(draw((160, 80), seed=1)))
    plain = variant(whole, width=80, blur=4.0, pixelate=4)
    twice = variant(whole, width=40, dpr=2.0, blur=4.0, pixelate=4)
    assert np.array_equal(plain, twice)


def test_trim_cuts_away_what_has_the_colour_of_the_corner() -> None:
    whole = placed(
        (60, 40), (250, 250, 250), (12, 5, 40, 30, GREEN), (0, 38, 60, 40, (245, 250, 250))
    )
    assert np.array_equal(variant(saved(whole), trim=Trim(10)), flat((28, 25), GREEN))
    assert variant(saved(whole), trim=Trim(5)).shape == (25, 28, 3)
    assert variant(saved(whole), trim=Trim(4)).shape == (35, 60, 3)


def test_trim_cuts_away_a_named_colour_alone() -> None:
    whole = saved(placed((60, 40), (250, 250, 250), (12, 5, 40, 30, GREEN)))
    assert variant(whole, trim=Trim(10, (250, 250, 245))).shape == (25, 28, 3)
    assert variant(whole, trim=Trim(10, (0, 0, 0))).shape == (40, 60, 3)
    dark = saved(placed((60, 40), (0, 0, 0), (12, 5, 40, 30, GREEN)))
    assert variant(dark, trim=Trim(10, (0, 0, 0))).shape == (25, 28, 3)


@pytest.mark.parametrize(
    ("across", "down", "shape"),
    [(True, False, (25, 36)), (False, True, (30, 28)), (True, True, (30, 36))],
)
def test_trim_can_cut_as_much_from_either_side(
    across: bool, down: bool, shape: tuple[int, int]
) -> None:
    whole = placed((60, 40), (250, 250, 250), (12, 5, 40, 30, GREEN))  # 12 and 20, 5 and 10 px
    for data in (saved(whole), saved(whole[::-1, ::-1])):
        shown = variant(data, trim=Trim(10, None, across, down))
        assert shown.shape[:2] == shape


def test_trim_cuts_away_what_is_transparent() -> None:
    whole = placed((60, 40), (7, 8, 9, 0), (12, 5, 40, 30, (*GREEN, 255)))
    whole[0, 30] = (200, 100, 50, 0)
    assert np.array_equal(variant(saved(whole), trim=Trim(10)), flat((28, 25), (*GREEN, 255)))
    shown = variant(saved(whole), trim=Trim(10, (255, 0, 255)))
    assert shown.shape == (25, 28, 4)


@pytest.mark.parametrize("color", [GREEN, (7, 8, 9)])
def test_trim_leaves_a_picture_without_surroundings_or_of_nothing_else(color: Any) -> None:
    assert np.array_equal(
        variant(saved(flat((30, 20), color)), trim=Trim(10)), flat((30, 20), color)
    )
    full = np.asarray(draw((30, 20), seed=1)).astype(int)
    assert np.array_equal(variant(saved(full), trim=Trim(0)), full)


@pytest.mark.parametrize(
    ("step", "shape"), [({"width": 14}, (12, 14)), ({"crop_width": 10}, (25, 10))]
)
def test_trim_comes_before_cropping_and_resizing(step: Any, shape: tuple[int, int]) -> None:
    whole = saved(placed((60, 40), (250, 250, 250), (12, 5, 40, 30, GREEN)))
    shown = variant(whole, trim=Trim(10), **step)
    assert shown.shape[:2] in (shape, (13, 14))
    assert np.abs(shown - GREEN).max() <= 1


def test_trim_comes_after_orientation_and_before_turning_as_asked() -> None:
    whole = placed((60, 40), (250, 250, 250), (12, 5, 40, 30, GREEN), (0, 39, 60, 40, BLUE))
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = saved(np.rot90(whole), exif=exif)
    shown = variant(stored, orientation=6, trim=Trim(10, None, True, False), rotate=90)
    assert np.array_equal(shown, np.rot90(whole[5:], -1)), "the blue line is as wide as the picture"
    below = placed((60, 40), BLUE, (0, 0, 60, 30, (250, 250, 250)), (12, 5, 40, 25, GREEN))
    shown = variant(saved(below), trim=Trim(10), rotate=180)
    assert shown.shape == (35, 60, 3), "the corner is that before turning"


def test_filters_come_after_resizing_and_before_any_room() -> None:
    shown = variant(TILE, width=40, height=30, extend=Gravity(), blur=5.0, background=BLUE)
    assert np.array_equal(shown, placed((40, 30), BLUE, (10, 10, 30, 20, RED)))
    line = saved(placed((200, 100), (0, 0, 0), (100, 0, 200, 100, (255, 255, 255))))
    spread = variant(line, width=100, blur=4.0)[25, :, 0]
    assert ((spread > 40) & (spread < 215)).sum() == pytest.approx(2 * 1.006 * 4, abs=1.5)


def test_colours_change_in_their_order() -> None:
    shown = variant(saved(flat((8, 8), (100, 150, 200))), brightness=50, contrast=2.0)
    assert np.abs(shown - ((150 - 127.5) * 2 + 127.5, 255, 255)).max() <= 0.5
