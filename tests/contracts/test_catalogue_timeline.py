"""What every Catalogue tells of a listing as a whole: its months, what changed, any part of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest

from image_service.domain.formats import Format
from image_service.domain.image import Changes, Image
from image_service.domain.listing import parse_list_query
from image_service.domain.ports import Catalogue, MonthCount, Timeline
from image_service.testing import NOON_MS
from tests.contracts.adapters import new_image

DAY_MS = 86_400_000


def ms(text: str) -> int:
    return int(dt.datetime.fromisoformat(text + "+00:00").timestamp() * 1000)


def filled(catalogue: Catalogue) -> list[Image]:
    moments = ("2025-12-31T23:59:59.999", "2026-01-01T00:00:00.000", "2026-01-20T12:00:00.000")
    formats = (Format.JPEG, Format.JPEG, Format.PNG)
    return [
        catalogue.add(new_image(created_ms=ms(moment), format=format_, tags=("a",)))
        for moment, format_ in zip(moments, formats, strict=True)
    ]


def test_a_listing_is_told_month_by_month(catalogue: Catalogue) -> None:
    assert catalogue.timeline(parse_list_query()) == Timeline((), 0)
    images = filled(catalogue)
    catalogue.trash(catalogue.add(new_image(created_ms=ms("2024-02-29T12:00:00"))).id, NOON_MS)
    december, january = MonthCount("2025-12", 1), MonthCount("2026-01", 2)

    def told(**query: object) -> Timeline:
        return catalogue.timeline(parse_list_query(**query))  # type: ignore[arg-type]

    assert told() == told(tag="a") == Timeline((december, january), 3)
    assert told(format="jpeg") == Timeline((december, MonthCount("2026-01", 1)), 2)
    assert told(created_after="2026-01-02T00:00:00Z") == Timeline((MonthCount("2026-01", 1),), 1)
    assert told(trashed=True) == Timeline((MonthCount("2024-02", 1),), 1)
    assert told(filename=images[0].filename.upper(), format="png").total <= 1


def test_what_is_too_much_to_count_is_not_told_by_month(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("image_service.catalogue.timeline", "image_service.testing.fakes"):
        monkeypatch.setattr(f"{module}.COUNTED_AT_MOST", 2)
    filled(catalogue)
    assert catalogue.timeline(parse_list_query(tag="a")) == Timeline(None, 2)
    assert catalogue.timeline(parse_list_query()).total == 3


CHANGES: dict[str, Callable[[Catalogue, Image, Image], object]] = {
    "an upload": lambda catalogue, _a, _b: catalogue.add(new_image()),
    "a deletion": lambda catalogue, image, _: catalogue.remove(image.id),
    "the trash": lambda catalogue, image, _: catalogue.trash(image.id, NOON_MS),
    "a restoration": lambda catalogue, _, trashed: catalogue.restore(trashed.id),
    "a name": lambda catalogue, image, _: catalogue.change(image.id, Changes(filename="new.jpg")),
    "tags": lambda catalogue, image, _: catalogue.change(image.id, Changes(tags=("new",))),
    "the end of an upload": lambda catalogue, image, _: catalogue.withdraw(image),
}


@pytest.mark.parametrize("what", CHANGES)
def test_every_change_is_told(catalogue: Catalogue, what: str) -> None:
    image, trashed = catalogue.add(new_image()), catalogue.add(new_image())
    catalogue.trash(trashed.id, NOON_MS)
    before = catalogue.changes()
    catalogue.page(parse_list_query())
    assert catalogue.changes() == before
    CHANGES[what](catalogue, image, trashed)
    assert catalogue.changes() != before


@pytest.mark.parametrize("order", ["-createdAt", "filename", "-sizeBytes"])
@pytest.mark.parametrize("narrowed", [{}, {"format": "png"}, {"tag": "a"}])
def test_a_page_begins_anywhere(catalogue: Catalogue, order: str, narrowed: dict[str, str]) -> None:
    for number in range(30):
        format_ = Format.PNG if number % 3 else Format.JPEG
        tags = ("a",) if number % 2 else ()
        moment = NOON_MS + number // 2 * DAY_MS
        catalogue.add(new_image(created_ms=moment, format=format_, tags=tags, size_bytes=number))
    everything = [
        image.id for image in catalogue.page(parse_list_query(order=order, **narrowed)).images
    ]
    assert len(everything) in (30, 20, 15)
    for skip in (1, 7, len(everything) - 2, len(everything), 1_000_000):
        page = catalogue.page(parse_list_query(order=order, **narrowed, skip=skip, limit=4))
        assert [image.id for image in page.images] == everything[skip : skip + 4]
        assert page.has_more == (skip + 4 < len(everything))
        assert page.total == len(everything)


def test_a_cursor_goes_on_behind_what_was_skipped(catalogue: Catalogue) -> None:
    ids = [catalogue.add(new_image(created_ms=NOON_MS - number)).id for number in range(9)]
    query = parse_list_query(skip=3, limit=2)
    last = catalogue.page(query).images[-1]
    cursor = query.cursor_after(query.order_value(last), last.id)
    page = catalogue.page(parse_list_query(cursor=cursor, limit=3))
    assert [image.id for image in page.images] == ids[5:8]
