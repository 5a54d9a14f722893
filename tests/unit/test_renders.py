"""What variants are made of: originals and mezzanines, on fakes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, BinaryIO

import pytest

from image_service.domain.formats import Format
from image_service.domain.image import Image, PictureFacts
from image_service.domain.mezzanine import NAME, Use
from image_service.domain.transform import Transform
from image_service.domain.variant_ports import KeptVariant
from image_service.errors import ImageDamaged, ImageNotFound, StorageUnavailable, VariantFailed
from image_service.renders import Renders
from image_service.testing import FixedClock
from tests.unit.faults import PICTURE, World
from tests.unit.stub_renderer import StubRenderer

LARGE = PictureFacts(Format.PNG, 4000, 3000)
SMALL = Transform(width=300, format=Format.JPEG, quality=80)
FULL = Transform(format=Format.JPEG, quality=80)


class Place:
    """A world with one large image."""

    def __init__(self, *, keeps_mezzanines: bool = True) -> None:
        self.world = World()
        self.image = replace(self.world.manager.add(PICTURE, "a.png"), facts=LARGE)
        self.renderer = StubRenderer()
        self.store = self.world.variants
        self.renders = Renders(
            self,
            self.renderer,
            self.store,
            FixedClock(),
            keeps_mezzanines=keeps_mezzanines,
        )

    def get(self, image_id: object) -> Image:
        assert image_id == self.image.id
        return self.image

    def is_there(self, image: Image) -> bool:
        return self.world.manager.is_there(image)

    def open_blob(self, image: Image) -> BinaryIO:
        return self.world.manager.open_blob(image)

    def render(self, transform: Transform = SMALL) -> bytes:
        return self.renders.render(self.image, transform)


@pytest.fixture
def place() -> Place:
    return Place()


def test_the_first_small_one_leaves_what_the_others_are_made_of(place: Place) -> None:
    assert [place.render() for _ in range(3)] == [b"made"] * 3
    assert place.renderer.asked == [
        (PICTURE, Use.MAKE), (b"reduced", Use.SOURCE), (b"reduced", Use.SOURCE),
    ]  # fmt: skip
    assert place.store.has(place.image.id, NAME)


def test_a_large_one_neither_leaves_nor_uses_it(place: Place) -> None:
    place.render(FULL)
    place.render()
    place.render(FULL)
    assert [use for _, use in place.renderer.asked] == [Use.NONE, Use.MAKE, Use.NONE]


def test_without_them_all_are_made_of_the_original() -> None:
    place = Place(keeps_mezzanines=False)
    assert [place.render() for _ in range(2)] == [b"made"] * 2
    assert place.renderer.asked == [(PICTURE, Use.NONE)] * 2


def test_one_that_is_damaged_is_made_again(place: Place) -> None:
    place.render()
    place.renderer.bad = b"reduced"
    assert place.render() == b"made"
    assert [use for _, use in place.renderer.asked] == [Use.MAKE, Use.SOURCE, Use.MAKE]


@pytest.mark.parametrize("bit", [0, 20, 50, 100])
def test_one_with_a_flipped_bit_is_made_again(place: Place, bit: int) -> None:
    place.render()
    data, made_s = place.store.kept[place.image.id, NAME]
    flipped = bytearray(data)
    flipped[bit // 8] ^= 1 << bit % 8
    place.store.kept[place.image.id, NAME] = bytes(flipped), made_s
    place.render()
    assert [use for _, use in place.renderer.asked] == [Use.MAKE, Use.MAKE]
    assert place.store.kept[place.image.id, NAME] == (data, made_s)


def test_it_is_made_once_for_all_that_are_made_at_the_same_time(place: Place) -> None:
    place.renderer.meanwhile = place.render
    place.render()
    assert [use for _, use in place.renderer.asked] == [Use.MAKE, Use.NONE]


def test_what_failed_leaves_nothing_and_may_be_tried_again(place: Place) -> None:
    place.renderer.bad = PICTURE
    for _ in range(2):
        with pytest.raises(VariantFailed):
            place.render()
    assert [use for _, use in place.renderer.asked] == [Use.MAKE, Use.MAKE]
    assert not place.store.has(place.image.id, NAME)


def test_a_store_that_fails_costs_the_mezzanine_alone(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> KeptVariant:
        raise StorageUnavailable("the cache is broken")

    monkeypatch.setattr(place.store, "put", fail)
    monkeypatch.setattr(place.store, "open", fail)
    assert place.render() == b"made"


def test_nothing_new_is_made_of_an_original_in_quarantine(place: Place) -> None:
    place.render()
    place.world.store.quarantine(place.image.blob_name, bytes(32))
    with pytest.raises(ImageDamaged):
        place.render()


def test_an_original_that_lost_bytes_is_told(place: Place) -> None:
    place.world.disk.blobs[place.image.blob_name] = PICTURE[:-1]
    with pytest.raises(ImageDamaged):
        place.render()


def test_it_can_be_made_by_itself_once_and_for_a_large_image_alone(place: Place) -> None:
    assert place.renders.would_leave(place.image)
    place.renders.leave(place.image.id)
    place.renders.leave(place.image.id)
    place.render()
    assert [use for _, use in place.renderer.asked] == [Use.MAKE, Use.SOURCE]
    assert not place.renders.would_leave(place.world.manager.get(place.image.id))
    assert not Place(keeps_mezzanines=False).renders.would_leave(place.image)


def test_by_itself_it_is_not_made_where_something_would_have_to_go(place: Place) -> None:
    place.store.max_bytes = 2_000_000
    place.renders.leave(place.image.id)
    assert place.renderer.asked == []


def test_of_an_image_that_is_deleted_meanwhile_nothing_is_left(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(_: object) -> Image:
        raise ImageNotFound(place.image.id)

    place.renderer.meanwhile = lambda: monkeypatch.setattr(place, "get", gone)
    with pytest.raises(ImageNotFound):
        place.renders.leave(place.image.id)
    assert not place.store.has(place.image.id, NAME)
