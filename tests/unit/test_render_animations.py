"""Animations are rendered whole: what is shown when, how often, and how transparent it is."""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from image_service.domain.formats import Format
from image_service.domain.transform import Gravity, Padding, Trim, Watermark
from image_service.errors import CorruptImage
from image_service.imaging.examine import set_up
from image_service.imaging.limits import Limits
from image_service.testing.pictures import draw
from tests.unit.rendering import flat, lanczos, pixels, psnr, rendered, saved

ANIMATED = [Format.GIF, Format.WEBP, Format.PNG, Format.AVIF]
SIZE = (60, 40)
DURATIONS_MS = [100, 200, 50, 300]

pytestmark = pytest.mark.filterwarnings("ignore")  # as in a worker


@pytest.fixture(autouse=True, scope="module")
def _set_up() -> Iterator[None]:
    with warnings.catch_warnings():
        set_up(Limits())
        yield


def frame(number: int, mode: str = "RGB") -> Image.Image:
    """Return a block that moves to the right, on black or on nothing."""
    picture = Image.new("RGBA", SIZE, (0, 0, 0, 0 if mode == "RGBA" else 255))
    left = 5 + 10 * number
    picture.paste((250 - 60 * number, 40 * number, 20, 255), (left, 5, left + 20, 30))
    return picture.convert(mode)


def animation(kind: Format, mode: str = "RGB", **options: Any) -> bytes:
    """Return an animation of four frames, without loss where there can be none."""
    how: dict[Format, dict[str, Any]] = {
        Format.GIF: {"disposal": 2}, Format.WEBP: {"lossless": True}, Format.PNG: {},
        Format.AVIF: {"quality": 95, "subsampling": "4:4:4", "max_threads": 1, "speed": 9},
    }  # fmt: skip
    pictures = [frame(number, mode) for number in range(4)]
    given = {"duration": DURATIONS_MS, **how[kind], **options}
    return saved(pictures[0], kind.name, save_all=True, append_images=pictures[1:], **given)


def shown(data: bytes, step_ms: int = 10) -> list[Any]:
    """Return what is seen every so many ms: RGBA, its colours as they are on white."""
    seen = []
    for pixels_, duration_ms in frames_of(data):
        seen += [pixels_] * round(duration_ms / step_ms)
    return seen


def frames_of(data: bytes) -> list[tuple[Any, float]]:
    with Image.open(io.BytesIO(data)) as picture:
        found = []
        for number in range(getattr(picture, "n_frames", 1)):
            picture.seek(number)
            picture.load()
            rgba = np.asarray(picture.convert("RGBA")).astype(int)
            white = rgba[..., :3] * rgba[..., 3:] / 255 + 255 - rgba[..., 3:]
            found.append((np.dstack([white, rgba[..., 3]]), picture.info.get("duration", 0)))
        return found


def loop_of(data: bytes) -> int | None:
    with Image.open(io.BytesIO(data)) as picture:
        loop: int | None = picture.info.get("loop")
        return loop


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("to", ANIMATED)
@pytest.mark.parametrize("kind", ANIMATED)
def test_every_moment_shows_what_the_original_shows(kind: Format, to: Format, mode: str) -> None:
    made = rendered(animation(kind, mode), frames=4, format=to, quality=90)
    assert (made.format, made.width, made.height) == (to, *SIZE)
    seen = shown(made.data)
    assert len(seen) == sum(DURATIONS_MS) // 10
    expected = [np.asarray(frame(number, mode).convert("RGBA")).astype(int) for number in range(4)]
    times = [each for each, ms in zip(expected, DURATIONS_MS, strict=True) for _ in range(ms // 10)]
    for one, other in zip(seen, times, strict=True):
        white = other[..., :3] * (other[..., 3:] / 255) + 255 - other[..., 3:]
        assert psnr(one[..., :3], white) >= 25
        assert np.mean((one[..., 3] > 127) == (other[..., 3] > 127)) >= 0.99


@pytest.mark.parametrize("to", ANIMATED)
@pytest.mark.parametrize("kind", ANIMATED)
def test_all_frames_are_resized_cropped_and_turned(kind: Format, to: Format) -> None:
    wanted = {"crop_height": 40, "gravity": Gravity("so"), "width": 40, "rotate": 90,
              "padding": Padding(0, 10, 0, 0), "background": (0, 0, 250)}  # fmt: skip
    made = rendered(animation(kind), frames=4, format=to, quality=90, **wanted)
    found = frames_of(made.data)
    assert sum(ms for _, ms in found) == sum(DURATIONS_MS)
    turned = [np.rot90(np.asarray(frame(number)), -1)[20:] for number in range(4)]
    for (seen, _), whole in zip(found, turned, strict=True):
        assert psnr(seen[:, :40, :3], lanczos(whole, (40, 40))) >= 22
        assert np.abs(seen[:, 44:, :3] - (0, 0, 250)).max() <= 40


# How often each file is shown is told by: a GIF's repeats, others' times; 0 is for ever.
@pytest.mark.parametrize(
    ("kind", "loop", "gif", "others"),
    [
        (Format.GIF, None, None, 1), (Format.GIF, 0, 0, 0), (Format.GIF, 1, 1, 2),
        (Format.GIF, 4, 4, 5),
        (Format.WEBP, 0, 0, 0), (Format.WEBP, 1, None, 1), (Format.WEBP, 5, 4, 5),
        (Format.PNG, 0, 0, 0), (Format.PNG, 1, None, 1), (Format.PNG, 2, 1, 2),
        (Format.AVIF, None, 0, 0),
    ],
)  # fmt: skip
def test_an_animation_is_shown_as_often_as_before(
    kind: Format, loop: int | None, gif: int | None, others: int
) -> None:
    data = animation(kind, **({} if loop is None else {"loop": loop}))
    assert loop_of(rendered(data, frames=4, format=Format.GIF).data) == gif
    for to in (Format.WEBP, Format.PNG):
        assert loop_of(rendered(data, frames=4, format=to).data) == others


def test_an_animation_becomes_its_first_frame_in_a_jpeg() -> None:
    for kind in ANIMATED:
        made = rendered(animation(kind), frames=4, format=Format.JPEG, quality=95)
        assert psnr(pixels(made), np.asarray(frame(0))) >= 25


def test_a_still_stays_one_in_formats_that_move() -> None:
    for to in ANIMATED:
        made = rendered(saved(frame(0)), format=to)
        assert len(frames_of(made.data)) == 1
        assert b"NETSCAPE" not in made.data


def test_frames_of_a_size_are_not_shared_with_the_open_file() -> None:
    """RGB frames at their own size need no work at all, and yet are frames of their own."""
    made = rendered(animation(Format.PNG), frames=4, format=Format.PNG)
    assert [ms for _, ms in frames_of(made.data)] == DURATIONS_MS
    for (seen, _), number in zip(frames_of(made.data), range(4), strict=True):
        assert np.array_equal(seen[..., :3], np.asarray(frame(number)))


def test_a_picture_for_those_who_know_no_animations_is_no_frame() -> None:
    pictures = [frame(number) for number in range(3)]
    data = saved(Image.new("RGB", SIZE, "white"), save_all=True, append_images=pictures,
                 default_image=True, duration=[100, 200, 300])  # fmt: skip
    found = frames_of(rendered(data, frames=4, format=Format.WEBP, quality=95).data)
    assert [ms for _, ms in found] == [100, 200, 300]
    assert psnr(found[0][0][..., :3], np.asarray(frame(0))) >= 25


def test_equal_frames_are_shown_as_long_as_all_of_them() -> None:
    pictures = [frame(number) for number in (0, 0, 1, 1, 0)]
    for number, picture in enumerate(pictures):  # they differ in what is cut away
        picture.putpixel((59, 0), (50 * number, 0, 255))
    data = saved(pictures[0], "WEBP", save_all=True, append_images=pictures[1:], lossless=True,
                 duration=[60_000, 60_000, 33, 34, 60])  # fmt: skip

    def durations_ms(to: Format) -> list[float]:
        made = rendered(data, frames=5, format=to, crop_width=50, gravity=Gravity("we"))
        return [ms for _, ms in frames_of(made.data)]

    assert durations_ms(Format.GIF) == [120_000, 70, 60]
    assert durations_ms(Format.WEBP) == [120_000, 67, 60]
    assert durations_ms(Format.PNG) == [65_535, 67, 60], "an APNG tells no more"


def test_a_gifs_hundredths_do_not_add_up_to_another_duration() -> None:
    pictures = [frame(number % 4) for number in range(30)]
    data = saved(pictures[0], "WEBP", save_all=True, append_images=pictures[1:], duration=33)
    made = rendered(data, frames=30, format=Format.GIF)
    durations_ms = [ms for _, ms in frames_of(made.data)]
    assert abs(sum(durations_ms) - 30 * 33) <= 5
    assert set(durations_ms) == {30, 40}


@pytest.mark.parametrize(("told", "expected"), [(0, 100), (10, 10), (15, 20), (700_000, 655_350)])
def test_a_frame_is_shown_for_a_time_that_a_gif_can_tell(told: int, expected: int) -> None:
    data = saved(frame(0), "WEBP", save_all=True, append_images=[frame(1)], duration=told)
    made = rendered(data, frames=2, format=Format.GIF)
    assert frames_of(made.data)[0][1] == expected


def test_a_gif_clears_what_the_next_frame_does_not_cover() -> None:
    """Disposal and parts, as the file has them: each frame clears itself, and holds no more."""
    data = rendered(animation(Format.WEBP, "RGBA"), frames=4, format=Format.GIF).data
    places = []
    for at in _controls(data):
        flags, hundredths = data[at + 3], struct.unpack_from("<H", data, at + 4)[0]
        assert flags >> 2 & 7 == 2
        assert flags & 1
        places.append((hundredths * 10, struct.unpack_from("<4H", data, at + 9)))
    assert places == [
        (100, (0, 0, 60, 40)), (200, (15, 5, 20, 25)), (50, (25, 5, 20, 25)),
        (300, (35, 5, 20, 25)),
    ]  # fmt: skip


def test_an_opaque_gif_holds_what_changes_alone() -> None:
    data = rendered(animation(Format.PNG), frames=4, format=Format.GIF).data
    found = [(data[at + 3] >> 2 & 7, struct.unpack_from("<4H", data, at + 9))
             for at in _controls(data)]  # fmt: skip
    assert found[0] == (1, (0, 0, 60, 40))
    assert found[1:] == [(1, (5 + 10 * number, 5, 30, 25)) for number in range(3)]


def _controls(data: bytes) -> list[int]:
    """Return where the frames' graphic control extensions are."""
    found, at = [], data.find(b"!\xf9\x04")
    while at >= 0:
        found.append(at)
        at = data.find(b"!\xf9\x04", at + 1)
    return found


def test_a_transparent_frame_between_others_is_one() -> None:
    pictures = [frame(0, "RGBA"), Image.new("RGBA", SIZE), frame(1, "RGBA")]
    data = saved(pictures[0], "WEBP", save_all=True, append_images=pictures[1:], duration=100)
    for to in (Format.GIF, Format.WEBP, Format.PNG):
        found = frames_of(rendered(data, frames=3, format=to).data)
        assert [int((seen[..., 3] > 127).sum()) for seen, _ in found] == [500, 0, 500]


def test_black_is_not_taken_for_transparent() -> None:
    pictures = [Image.new("RGBA", SIZE), Image.new("RGBA", SIZE, (0, 0, 0, 255))]
    pictures[1].paste((0, 0, 0, 0), (0, 0, 10, 10))
    data = saved(pictures[0], save_all=True, append_images=pictures[1:], duration=100)
    found = frames_of(rendered(data, frames=2, format=Format.GIF).data)
    assert [int((seen[..., 3] > 127).sum()) for seen, _ in found] == [0, 2300]


def test_frames_with_many_colours_each_have_their_own() -> None:
    pictures = [draw(SIZE, seed=number) for number in range(3)]
    data = saved(pictures[0], save_all=True, append_images=pictures[1:], duration=100)
    for (seen, _), picture in zip(
        frames_of(rendered(data, frames=3, format=Format.GIF).data), pictures, strict=True
    ):
        assert psnr(seen[..., :3], np.asarray(picture)) >= 22


def test_a_gifs_frames_are_as_large_as_its_canvas_whatever_they_say() -> None:
    canvas, larger = (
        saved(Image.new("P", size, color), "GIF", palette=bytes((9, 9, 9, 200, 0, 0)), interlace=0)
        for size, color in (((16, 16), 0), ((20, 24), 1))
    )
    tables_end = 13 + (3 << (larger[10] & 7) + 1)
    data = canvas[:-1] + larger[tables_end:]
    for to in ANIMATED:
        made = rendered(data, frames=2, format=to)
        assert (made.width, made.height) == (16, 16)
        (first, _), (second, _) = frames_of(made.data)
        assert np.abs(first[..., :3] - (9, 9, 9)).max() <= 8
        assert np.abs(second[..., :3] - (200, 0, 0)).max() <= 8


def test_animations_are_not_trimmed() -> None:
    made = rendered(animation(Format.GIF), frames=4, format=Format.GIF, trim=Trim(10))
    assert (made.width, made.height) == SIZE


def test_each_frame_has_the_watermark_and_the_filters() -> None:
    mark = saved(flat((4, 4), (0, 200, 0)))
    made = rendered(
        animation(Format.PNG),
        frames=4,
        brightness=100,
        watermark=Watermark(1.0, Gravity("sowe")),
        mark=mark,
    )
    for seen, _ in frames_of(made.data):
        assert (seen[36:, :4, :3] == (0, 200, 0)).all()
        assert (seen[:4, :, :3] == 100).all()


def test_smart_gravity_shows_the_same_part_in_all_frames() -> None:
    pictures = []
    for number in range(3):
        picture = Image.new("RGB", (240, 80), (190, 190, 190))
        picture.paste(draw((50, 50), seed=3), (10 + 90 * number, 15))
        picture.paste((number, 0, 0), (120, 0, 121, 80))
        pictures.append(picture)
    data = saved(pictures[0], save_all=True, append_images=pictures[1:], duration=100)
    made = rendered(
        data, frames=3, width=80, height=80, resizing_type="fill", gravity=Gravity("sm")
    )
    colorful = [int((np.ptp(seen[..., :3], axis=2) > 25).sum()) for seen, _ in frames_of(made.data)]
    assert colorful[0] > 1500
    assert max(colorful[1:]) < 300


@pytest.mark.parametrize(
    ("to", "side"), [(Format.AVIF, 10), (Format.WEBP, 16_384), (Format.GIF, 65_536)]
)
def test_an_animation_that_a_format_cannot_hold_stays_one(to: Format, side: int) -> None:
    made = rendered(animation(Format.GIF), frames=4, format=to, width=side, height=2,
                    resizing_type="force", enlarge=True)  # fmt: skip
    assert made.format is Format.PNG
    assert len(frames_of(made.data)) >= 2


def test_fewer_frames_than_there_were_are_damage() -> None:
    with pytest.raises(CorruptImage):
        rendered(animation(Format.GIF), frames=5, format=Format.GIF)
