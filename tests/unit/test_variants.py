"""Variants found and made, on fakes."""

from __future__ import annotations

from typing import Any, BinaryIO

import pytest

from image_service.domain.formats import Format
from image_service.domain.image import Image
from image_service.domain.mezzanine import Use
from image_service.domain.transform import Transform
from image_service.errors import ImageNotFound, StorageUnavailable, VariantFailed
from image_service.renders import Renders
from image_service.testing import FixedClock, jpeg
from image_service.variants import Variants
from tests.unit.faults import PICTURE, World
from tests.unit.stub_renderer import StubRenderer

QUALITIES = {Format.JPEG: 80, Format.WEBP: 75, Format.AVIF: 65}
MADE = jpeg()
LARGE = MADE + bytes(300_000)


class Place:
    """A world with one image, and variants of it."""

    def __init__(self) -> None:
        self.world = World()
        self.image: Image = self.world.manager.add(PICTURE, "a.png")
        self.renderer = StubRenderer(MADE)
        self.clock = FixedClock()
        self.store = self.world.variants
        renders = Renders(
            self.world.manager, self.renderer, self.store, self.clock, keeps_mezzanines=True
        )
        self.variants = Variants(self.world.manager, renders, self.store, self.clock, QUALITIES)

    def find(self, **wanted: Any) -> Any:
        return self.variants.find(self.image.id, Transform(format=Format.JPEG, **wanted))


@pytest.fixture
def place() -> Place:
    return Place()


def read(content: bytes | BinaryIO) -> bytes:
    return content if isinstance(content, bytes) else content.read()


def test_what_was_made_is_found(place: Place) -> None:
    wanted, nothing = place.find(width=10)
    assert nothing is None
    made = place.variants.make(wanted)
    again, found = place.find(width=10)
    assert made
    assert found
    assert (made.content, found.content) == (MADE, MADE)
    assert (made.etag, made.made) == (found.etag, found.made)
    assert again.key == wanted.key
    assert place.variants.make(wanted) is None, "it is kept: find it"
    assert place.renderer.asked == [(PICTURE, Use.NONE)]
    assert (place.variants.counts.hits, place.variants.counts.misses) == (1, 1)


def test_a_large_one_is_a_file_for_each_client(place: Place) -> None:
    place.renderer.data = LARGE
    wanted, _ = place.find(width=10)
    assert place.variants.make(wanted) is None
    _, found = place.find(width=10)
    assert not isinstance(found.content, bytes)
    found.content.seek(0)
    assert read(found.content) == LARGE
    found.close()


@pytest.mark.parametrize("data", [MADE, LARGE], ids=len)
def test_what_cannot_be_kept_is_sent_all_the_same(
    place: Place, monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise StorageUnavailable("the cache is broken")

    place.renderer.data = data
    monkeypatch.setattr(place.store, "put", fail)
    wanted, _ = place.find(width=10)
    made = place.variants.make(wanted)
    assert made
    assert made.content == data


def test_what_was_tried_in_vain_is_not_tried_again_for_a_while(place: Place) -> None:
    place.renderer.failure = VariantFailed("too large")
    wanted, _ = place.find(width=10)
    for _ in range(3):
        with pytest.raises(VariantFailed, match="too large"):
            place.variants.make(wanted)
    assert place.renderer.asked == [(PICTURE, Use.NONE)]
    other, _ = place.find(width=11)
    with pytest.raises(VariantFailed):
        place.variants.make(other)
    assert len(place.renderer.asked) == 2
    place.renderer.failure = None
    place.clock.advance(61_000)
    assert place.variants.make(wanted)


def test_what_is_known_at_once_is_told_without_waiting(place: Place) -> None:
    transform = Transform(format=Format.JPEG, width=10)
    assert place.variants.glance(place.image.id, transform, ()) is None, "never seen"
    wanted, _ = place.find(width=10)
    assert place.variants.glance(place.image.id, transform, ()) == wanted
    place.variants.make(wanted)
    assert place.variants.glance(place.image.id, transform, ()) is None, "it is kept"
    assert place.variants.is_current(wanted)
    place.world.manager.remove(place.image.id)
    assert not place.variants.is_current(wanted)
    assert place.variants.glance(place.image.id, Transform(width=11), ()) is None
    with pytest.raises(ImageNotFound):
        place.find(width=10)
