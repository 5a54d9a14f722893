"""Format and quality of variants where URLs leave them open."""

from __future__ import annotations

from typing import Any

import pytest

from image_service.domain.formats import Format
from image_service.domain.image import PictureFacts
from image_service.domain.negotiation import LOSSY, resolve
from image_service.domain.transform import Gravity, Padding, Transform

F = Format
QUALITIES = {F.JPEG: 80, F.WEBP: 75, F.AVIF: 65}
BOTH = (F.AVIF, F.WEBP)


def facts(format_: Format, **more: Any) -> PictureFacts:
    return PictureFacts(format=format_, width=100, height=80, **more)


@pytest.mark.parametrize(
    ("format_", "more", "taken", "expected"),
    [
        (F.JPEG, {}, BOTH, F.AVIF),
        (F.JPEG, {}, (F.WEBP,), F.WEBP),
        (F.JPEG, {}, (), F.JPEG),
        (F.PNG, {}, (), F.PNG),
        (F.PNG, {"has_alpha": True}, BOTH, F.AVIF),
        (F.GIF, {}, (), F.GIF),
        (F.TIFF, {}, (), F.JPEG),
        (F.TIFF, {"has_alpha": True}, (), F.PNG),
        (F.WEBP, {}, (), F.JPEG),
        (F.WEBP, {"has_alpha": True}, (), F.PNG),
        (F.AVIF, {}, (F.WEBP,), F.WEBP),
        (F.HEIC, {}, (), F.JPEG),
        (F.GIF, {"frames": 3, "animated": True}, BOTH, F.WEBP),
        (F.GIF, {"frames": 3, "animated": True}, (), F.GIF),
        (F.PNG, {"frames": 3, "animated": True}, (), F.PNG),
        (F.WEBP, {"frames": 3, "animated": True}, (F.AVIF,), F.GIF),
        (F.TIFF, {"frames": 3}, BOTH, F.AVIF),
    ],
)
def test_the_smallest_format_that_the_client_takes_and_that_loses_nothing(
    format_: Format, more: dict[str, Any], taken: tuple[Format, ...], expected: Format
) -> None:
    resolved = resolve(Transform(), facts(format_, **more), taken, QUALITIES)
    assert (resolved.transform.format, resolved.varies) == (expected, True)


@pytest.mark.parametrize(
    ("width", "rotate", "expected"),
    [(4000, 0, F.AVIF), (4001, 0, F.WEBP), (10_001, 0, F.JPEG), (4001, 90, F.WEBP)],
)
def test_large_variants_are_not_made_in_formats_that_take_long(
    width: int, rotate: int, expected: Format
) -> None:
    large = PictureFacts(format=F.JPEG, width=20_000, height=12_500)
    if rotate:
        large = PictureFacts(format=F.JPEG, width=12_500, height=20_000)
    transform = Transform(width=width, rotate=rotate)
    assert resolve(transform, large, BOTH, QUALITIES).transform.format is expected
    named = Transform(width=width, format=F.AVIF)
    assert resolve(named, large, BOTH, QUALITIES).transform.format is F.AVIF


def test_a_format_that_is_asked_for_is_given_to_everybody() -> None:
    resolved = resolve(Transform(format=F.PNG), facts(F.JPEG), BOTH, QUALITIES)
    assert (resolved.transform.format, resolved.varies) == (F.PNG, False)


@pytest.mark.parametrize(
    "transform",
    [Transform(padding=Padding(left=1)), Transform(extend=Gravity()),
     Transform(extend_aspect_ratio=Gravity())],
)  # fmt: skip
def test_room_around_a_picture_is_transparent_unless_it_has_a_colour(transform: Transform) -> None:
    assert resolve(transform, facts(F.WEBP), (), QUALITIES).transform.format is F.PNG
    colored = Transform(**{**vars(transform), "background": (1, 2, 3)})
    assert resolve(colored, facts(F.WEBP), (), QUALITIES).transform.format is F.JPEG


def test_quality_is_the_urls_then_the_formats_then_the_settings() -> None:
    by_format = ((F.WEBP, 33), (F.JPEG, 0))

    def quality(format_: Format, **more: Any) -> int:
        transform = Transform(format=format_, **more)
        return resolve(transform, facts(F.JPEG), (), QUALITIES).transform.quality

    assert quality(F.WEBP) == 75
    assert quality(F.WEBP, format_quality=by_format) == 33
    assert quality(F.JPEG, format_quality=by_format) == 80
    assert quality(F.WEBP, format_quality=by_format, quality=44) == 44
    assert quality(F.PNG, quality=44) == 0


def test_what_changes_nothing_makes_no_other_variant() -> None:
    plain = resolve(Transform(format=F.PNG), facts(F.PNG), (), QUALITIES).transform
    spelled = Transform(format=F.PNG, quality=50, max_bytes=1000, format_quality=((F.WEBP, 1),))
    assert resolve(spelled, facts(F.PNG), (), QUALITIES).transform.key == plain.key
    assert set(LOSSY) == set(QUALITIES)
