"""Searches for a part of a filename: whatever index there is, as reading all names would find."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

import pytest

from image_service.domain.filename import MAX_FILENAME_CHARACTERS
from image_service.domain.formats import Format
from image_service.domain.image import Changes, Image, month_of
from image_service.domain.listing import ORDERS, ListQuery, parse_list_query
from image_service.domain.ports import Catalogue
from image_service.testing import NOON_MS
from tests.contracts.adapters import new_image

PARTS = (
    "IMG_", "img_2015", "Straße", "STRASSE", "ﷺ", "東京タワー", "東京", "😀😀", "é", "e\u0301té",
    '"', '""', "'", "%", "_", "\\", "*", "^", "AND", " OR ", "NOT", "-", "(", ")", ":", "filename:",
    "0", "007", "a", ".jpg", ".jp",
)  # fmt: skip
MODULES = (
    "image_service.catalogue.pages",
    "image_service.catalogue.walks",
    "image_service.catalogue.searches",
    "image_service.catalogue.timeline",
    "image_service.testing.fakes",
)


def filled(catalogue: Catalogue, count: int = 60) -> list[Image]:
    """Return images of few moments, added in any order."""
    chance = random.Random("names")
    images = [
        new_image(
            filename="".join(chance.choices(PARTS, k=chance.randint(1, 5))),
            created_ms=NOON_MS + chance.randrange(count // 4),
            size_bytes=chance.randrange(1, 9),
            format=chance.choice((Format.JPEG, Format.PNG)),
            tags=("a",) if chance.random() < 0.5 else (),
        )
        for _ in range(count)
    ]
    return [catalogue.add(image) for image in images]


def expected(images: list[Image], query: ListQuery) -> list[str]:
    """Return the ids that a query is to find, read name by name."""
    found = [
        image
        for image in images
        if str(query.filename) in dataclasses.replace(query, order="filename").order_value(image)
        and query.tag in (None, *image.tags)
        and query.format in (None, image.facts.format)
        and (query.created_from_ms or 0) <= image.created_ms
        and image.created_ms < (query.created_until_ms or 2**62)
        and image.size_bytes >= (query.min_bytes or 0)
    ]
    found.sort(key=lambda image: (query.order_value(image), image.id), reverse=query.descending)
    return [image.id for image in found]


def paged(catalogue: Catalogue, query: ListQuery) -> tuple[list[str], int, bool]:
    """Return the ids of all pages, and what the last one says of their number."""
    found: list[str] = []
    while True:
        page = catalogue.page(query)
        found += [image.id for image in page.images]
        if not page.has_more:
            return found, page.total, page.total_is_exact
        query = dataclasses.replace(query, after=(query.order_value(page.images[-1]), found[-1]))


def words(images: list[Image]) -> list[str]:
    """Return parts of names, and what is in none."""
    chance = random.Random("words")
    some = ["nowhere", "東", "x" * MAX_FILENAME_CHARACTERS, "ﷺ" * MAX_FILENAME_CHARACTERS, *PARTS]
    for image in chance.sample(images, 12):
        begin = chance.randrange(len(image.filename))
        some.append(image.filename[begin : begin + chance.randint(1, 9)])
    return some


@pytest.mark.parametrize("is_few", [True, False], ids=["few", "many"])
@pytest.mark.parametrize("order", ORDERS)
def test_a_word_is_found_wherever_it_is_in_a_name(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, order: str, is_few: bool
) -> None:
    most = 10_000 if is_few else 3
    for module in MODULES:
        monkeypatch.setattr(f"{module}.COUNTED_AT_MOST", most)
    images = filled(catalogue)
    chance = random.Random(order)
    found = 0
    for word in words(images):
        if not word.strip():
            continue
        query = parse_list_query(filename=word, order=order)
        query = dataclasses.replace(query, descending=chance.random() < 0.5)
        for narrowed in (
            query,
            dataclasses.replace(query, tag="a"),
            dataclasses.replace(query, format=Format.PNG, min_bytes=3),
            dataclasses.replace(
                query, created_from_ms=NOON_MS + 4, created_until_ms=NOON_MS + 9
            ),
        ):  # fmt: skip
            wanted = expected(images, narrowed)
            found += len(wanted)
            told = (min(len(wanted), most), len(wanted) <= most)
            limit = chance.choice((1, 2, 7, 1000))
            by_pages = paged(catalogue, dataclasses.replace(narrowed, limit=limit))
            assert by_pages == (wanted, *told), (word, narrowed)
            page = catalogue.page(dataclasses.replace(narrowed, limit=2, skip=2))
            assert [image.id for image in page.images] == wanted[2:4], (word, narrowed)
            assert page.has_more is (len(wanted) > 4)
            assert catalogue.timeline(narrowed).total == told[0], (word, narrowed)
    assert found > 500


def test_a_name_is_found_for_as_long_as_it_is_one(catalogue: Catalogue) -> None:
    other = catalogue.add(new_image(filename="harbour at night.jpg"))
    image = catalogue.add(new_image(filename="The Harbour.jpg"))

    def found(word: str, **query: Any) -> set[str]:
        page = catalogue.page(parse_list_query(filename=word, **query))
        assert page.total == len(page.images)
        return {each.id for each in page.images}

    both = {image.id, other.id}
    assert found("harbour") == both
    catalogue.change(image.id, Changes(filename="the beach.jpg"))
    assert (found("harbour"), found("the beach")) == ({other.id}, {image.id})
    catalogue.change(image.id, Changes(tags=("sea",)))
    assert found("beach", tag="sea") == {image.id}
    catalogue.trash(image.id, NOON_MS)
    assert (found("beach"), found("beach", trashed=True)) == (set(), {image.id})
    catalogue.restore(image.id)
    assert (found("beach"), found("beach", trashed=True)) == ({image.id}, set())
    catalogue.trash(image.id, NOON_MS)
    catalogue.remove(image.id)
    assert found("beach") == found("beach", trashed=True) == set()
    assert catalogue.withdraw(other)
    assert found("harbour") == set()
    catalogue.put_back(other)
    trashed = dataclasses.replace(image, deleted_ms=NOON_MS)
    catalogue.put_back(trashed)
    assert (found("harbour"), found("harbour", trashed=True)) == ({other.id}, {image.id})


def test_the_months_of_a_word_are_told(catalogue: Catalogue) -> None:
    days = [NOON_MS + day * 86_400_000 for day in (0, 1, 40, 80)]
    for day in days:
        catalogue.add(new_image(filename="harbour.jpg", created_ms=day))
        catalogue.add(new_image(filename="beach.jpg", created_ms=day, format=Format.PNG))
    told = catalogue.timeline(parse_list_query(filename="harbour"))
    assert [each.month for each in told.months or ()] == sorted(set(map(month_of, days)))
    assert told.total == 4
    assert catalogue.timeline(parse_list_query(filename="beach", format="png")).total == 4
    assert catalogue.timeline(parse_list_query(filename="beach", format="jpeg")).total == 0


@pytest.mark.parametrize("order", ORDERS)
def test_any_time_may_be_asked_for(catalogue: Catalogue, order: str) -> None:
    image = catalogue.add(new_image(filename="harbour.jpg"))
    always = {"created_after": "0001-01-01T00:00:00Z", "created_before": "9999-12-31T23:59:59Z"}
    query = parse_list_query(filename="harbour", order=order, **always)
    assert list(catalogue.page(query).images) == [image]
    assert catalogue.timeline(query).total == 1
    for moment in (0, -1, 2**63 - 1):
        for descending in (True, False):
            after = dataclasses.replace(
                query, order="createdAt", after=(moment, image.id), descending=descending
            )
            is_beyond = moment < image.created_ms if not descending else moment > image.created_ms
            assert list(catalogue.page(after).images) == [image] * is_beyond, after


def test_a_word_is_found_among_what_few_and_what_many_are_tagged_with(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("image_service.catalogue.searches._FEW", 3)
    images = filled(catalogue, 40)
    rare = catalogue.add(new_image(filename="a rare IMG_.jpg", tags=("b",)))
    for tag, these in (("a", images), ("b", [rare])):
        query = dataclasses.replace(parse_list_query(filename="img_", tag=tag), limit=3)
        wanted = expected([*these], query)
        assert paged(catalogue, query) == (wanted, len(wanted), True)
        assert catalogue.timeline(query).total == len(wanted) > 0
