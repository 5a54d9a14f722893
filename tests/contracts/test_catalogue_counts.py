"""What every Catalogue counts: images by month and by tag, whatever becomes of them."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

from image_service.domain.filename import fold
from image_service.domain.formats import Format
from image_service.domain.image import Changes, Image
from image_service.domain.listing import parse_list_query
from image_service.domain.ports import Catalogue, MonthTotals, TagCount
from image_service.testing import NOON_MS
from tests.contracts.adapters import new_image


def ms(text: str) -> int:
    return int(dt.datetime.fromisoformat(text + "+00:00").timestamp() * 1000)


def test_an_empty_catalogue_has_no_months_and_no_tags(catalogue: Catalogue) -> None:
    assert catalogue.months() == []
    assert catalogue.tags("", 10) == []


def test_images_are_counted_in_the_month_they_came(catalogue: Catalogue) -> None:
    for moment, format_, size in [
        ("2025-12-31T23:59:59.999", Format.JPEG, 10),
        ("2026-01-01T00:00:00.000", Format.PNG, 20),
        ("2026-01-31T23:59:59.999", Format.PNG, 30),
        ("2026-01-15T12:00:00.000", Format.JPEG, 40),
    ]:
        catalogue.add(new_image(created_ms=ms(moment), format=format_, size_bytes=size))
    assert catalogue.months() == [
        MonthTotals("2025-12", Format.JPEG, 1, 10),
        MonthTotals("2026-01", Format.JPEG, 1, 40),
        MonthTotals("2026-01", Format.PNG, 2, 50),
    ]


def test_what_is_in_the_trash_does_not_count(catalogue: Catalogue) -> None:
    image = catalogue.add(new_image(tags=("a",)))
    counted = catalogue.months(), catalogue.tags("", 9)
    assert counted[1] == [TagCount("a", 1)]
    catalogue.trash(image.id, NOON_MS)
    assert (catalogue.months(), catalogue.tags("", 9)) == ([], [])
    catalogue.restore(image.id)
    assert (catalogue.months(), catalogue.tags("", 9)) == counted
    catalogue.trash(image.id, NOON_MS)
    catalogue.remove(image.id)
    assert (catalogue.months(), catalogue.tags("", 9)) == ([], [])


def test_tags_are_told_by_how_many_have_them(catalogue: Catalogue) -> None:
    for tags in (("Sea", "b"), ("Sea", "a"), ("sea side", "Sea"), ("ß",), ("%",), ("_",)):
        catalogue.add(new_image(tags=tags))
    told = catalogue.tags("", 100)
    assert told[0] == TagCount("Sea", 3)
    assert [each.tag for each in told[1:]] == ["%", "_", "a", "b", "sea side", "ß"]
    assert catalogue.tags("", 2) == told[:2]
    assert catalogue.tags(fold("SEA"), 9) == [TagCount("Sea", 3), TagCount("sea side", 1)]
    assert catalogue.tags("sea ", 9) == [TagCount("sea side", 1)]
    assert catalogue.tags(fold("SS"), 9) == [TagCount("ß", 1)]
    assert catalogue.tags("%", 9) == [TagCount("%", 1)]
    assert catalogue.tags("x", 9) == []


def test_other_tags_are_counted_anew(catalogue: Catalogue) -> None:
    image = catalogue.add(new_image(tags=("a", "b")))
    catalogue.add(new_image(tags=("b",)))
    catalogue.change(image.id, Changes(tags=("c", "a")))
    assert catalogue.tags("", 9) == [TagCount(tag, 1) for tag in "abc"]
    catalogue.change(image.id, Changes(tags=()))
    assert catalogue.tags("", 9) == [TagCount("b", 1)]


def test_whatever_happens_the_counts_are_those_of_the_living(catalogue: Catalogue) -> None:
    chance = random.Random(3)
    images: list[Image] = []
    for step in range(300):
        action: Any = chance.randrange(6)
        image = chance.choice(images) if images else None
        if action < 2 or image is None:
            tags = tuple(chance.sample("abcde", chance.randrange(4)))
            created_ms = NOON_MS + step * 86_400_000
            images.append(catalogue.add(new_image(tags=tags, created_ms=created_ms)))
        elif action == 2:
            catalogue.trash(image.id, NOON_MS)
        elif action == 3:
            catalogue.restore(image.id)
        elif action == 4:
            catalogue.change(image.id, Changes(tags=tuple(chance.sample("abcde", 2))))
        elif chance.random() < 0.5:
            catalogue.remove(image.id)
        else:
            catalogue.withdraw(catalogue.get(image.id, trashed=None) or image)
    living = [found for image in images if (found := catalogue.get(image.id))]
    assert 0 < len(living) < len(images)
    assert sum(each.files for each in catalogue.months()) == len(living)
    assert {each.tag: each.files for each in catalogue.tags("", 9)} == {
        tag: count for tag in "abcde" if (count := sum(tag in each.tags for each in living))
    }
    for trashed in (False, True):
        for filters in ({}, {"tag": "a"}, {"tag": "none"}, {"format": "jpeg"}, {"format": "gif"}):
            page = catalogue.page(parse_list_query(trashed=trashed, **filters))
            assert page.total == len(page.images), filters
            assert page.total_is_exact
    catalogue.tidy()
    page = catalogue.page(parse_list_query(tag="a"))
    assert page.total == len(page.images) == sum("a" in each.tags for each in living)
