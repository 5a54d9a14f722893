"""What every Catalogue does with images in the trash."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from image_service.domain.fingerprint import Fingerprint
from image_service.domain.formats import Format
from image_service.domain.image import Changes, Image
from image_service.domain.listing import parse_list_query
from image_service.domain.ports import (
    Catalogue,
    Condition,
    DuplicateRequest,
    FormatTotals,
    RequestKey,
)
from image_service.domain.quota import Used
from image_service.testing import NOON_MS
from tests.contracts.adapters import new_image

KEY = RequestKey("delivery:k", NOON_MS)


def in_trash(image: Image, deleted_ms: int = NOON_MS) -> Image:
    return dataclasses.replace(image, deleted_ms=deleted_ms)


def ids(catalogue: Catalogue, **arguments: Any) -> list[str]:
    return [image.id for image in catalogue.page(parse_list_query(**arguments)).images]


def test_what_is_in_the_trash_is_nowhere_else(catalogue: Catalogue) -> None:
    fingerprint = Fingerprint("#000000", b"12345", 7)
    kept, gone = (
        catalogue.add(new_image(tags=("a",), sha256=b"a" * 32, fingerprint=fingerprint))
        for _ in range(2)
    )
    assert catalogue.trash(gone.id, NOON_MS) == in_trash(gone)
    assert catalogue.get(gone.id) is None
    assert catalogue.get(gone.id, trashed=True) == in_trash(gone)
    assert catalogue.get(kept.id, trashed=True) is None
    assert catalogue.get(gone.id, trashed=None) == in_trash(gone)
    assert catalogue.get(kept.id, trashed=None) == kept
    assert catalogue.get(new_image().id, trashed=None) is None
    assert ids(catalogue) == ids(catalogue, tag="a") == [kept.id]
    assert catalogue.page(parse_list_query()).total == 1
    assert catalogue.find_similar(kept, max_distance=8, limit=9) == []
    assert catalogue.trash(gone.id, NOON_MS + 1) is None
    assert catalogue.add(new_image(sha256=b"a" * 32)).duplicate_of == kept.id


def test_the_trash_is_listed_by_itself(catalogue: Catalogue) -> None:
    images = [catalogue.add(new_image(created_ms=NOON_MS + n, tags=("t",))) for n in range(5)]
    for image in images[:3]:
        catalogue.trash(image.id, NOON_MS)
    first = catalogue.page(parse_list_query(trashed=True, limit=2))
    assert [image.id for image in first.images] == [images[2].id, images[1].id]
    assert [image.deleted_ms for image in first.images] == [NOON_MS] * 2
    assert (first.total, first.has_more, first.total_is_exact) == (3, True, True)
    assert ids(catalogue, trashed=True, tag="t", order="createdAt") == [i.id for i in images[:3]]


def test_the_trash_is_counted_by_itself_and_takes_room(catalogue: Catalogue) -> None:
    kept, gone = (catalogue.add(new_image(size_bytes=n, owner="ada")) for n in (10, 7))
    catalogue.trash(gone.id, NOON_MS)
    assert catalogue.totals()[Format.JPEG] == FormatTotals(1, 10, 1, 7)
    assert catalogue.used() == catalogue.used("ada") == Used(2, 17)
    catalogue.remove(gone.id)
    assert catalogue.totals()[Format.JPEG] == FormatTotals(1, 10, 0, 0)
    assert catalogue.used() == catalogue.used("ada") == Used(1, 10)
    catalogue.remove(kept.id)
    assert catalogue.used("ada") == Used()


def test_what_is_restored_is_as_it_was(catalogue: Catalogue) -> None:
    image = catalogue.add(new_image(tags=("a", "b"), owner="ada"))
    catalogue.trash(image.id, NOON_MS)
    assert catalogue.restore(image.id) == image
    assert catalogue.get(image.id) == image
    assert ids(catalogue, tag="b") == [image.id]
    assert catalogue.totals()[Format.JPEG] == FormatTotals(1, 1000, 0, 0)
    assert catalogue.restore(image.id) is None
    assert catalogue.restore(new_image().id) is None


def test_those_that_were_there_first_are_told_first(catalogue: Catalogue) -> None:
    images = [catalogue.add(new_image()) for _ in range(4)]
    for number, image in enumerate(images):
        catalogue.trash(image.id, NOON_MS + number)
    old = catalogue.trashed_before(NOON_MS + 3, 2)
    assert [image.id for image in old] == [images[0].id, images[1].id]
    assert [i.id for i in catalogue.trashed_before(NOON_MS + 3, 9)] == [i.id for i in images[:3]]
    assert catalogue.trashed_before(NOON_MS, 9) == []


def test_both_are_known_and_one_is_known_to_be_in_the_trash(catalogue: Catalogue) -> None:
    kept, gone = (catalogue.add(new_image()) for _ in range(2))
    catalogue.trash(gone.id, NOON_MS)
    asked = [kept.id, gone.id, new_image().id]
    assert catalogue.known(asked) == {kept.id, gone.id}
    assert catalogue.trashed(asked) == {gone.id}
    assert catalogue.trashed([]) == set()


def test_the_same_request_to_trash_is_answered_as_the_first(catalogue: Catalogue) -> None:
    image = catalogue.add(new_image())
    catalogue.trash(image.id, NOON_MS, KEY)
    assert catalogue.find_request(KEY) == in_trash(image)
    with pytest.raises(DuplicateRequest) as raised:
        catalogue.trash(image.id, NOON_MS + 5, KEY)
    assert raised.value.image == in_trash(image)


def test_the_same_request_to_restore_does_not_restore_once_more(catalogue: Catalogue) -> None:
    image = catalogue.add(new_image())
    catalogue.trash(image.id, NOON_MS)
    assert catalogue.restore(image.id, KEY) == image
    catalogue.trash(image.id, NOON_MS)
    with pytest.raises(DuplicateRequest) as raised:
        catalogue.restore(image.id, KEY)
    assert raised.value.image == image
    assert catalogue.get(image.id) is None


def test_what_is_put_back_is_exactly_as_it_was(catalogue: Catalogue) -> None:
    catalogue.add(new_image(sha256=b"a" * 32))
    back = new_image(sha256=b"a" * 32, owner="ada", tags=("t",), duplicate_of=None)
    gone = in_trash(new_image(sha256=b"a" * 32, duplicate_of=back.id))
    for image in (back, gone):
        catalogue.put_back(image)
    assert catalogue.get(back.id) == back
    assert catalogue.get(gone.id, trashed=True) == gone
    assert ids(catalogue, tag="t") == [back.id]
    assert catalogue.totals()[Format.JPEG] == FormatTotals(2, 2000, 1, 1000)
    assert catalogue.used("ada") == Used(1, 1000)


def test_what_has_changed_meanwhile_is_not_removed(catalogue: Catalogue) -> None:
    image = catalogue.add(new_image(tags=("a",)))
    is_trashed: Condition = lambda found: found.deleted_ms is not None  # noqa: E731
    is_tagged: Condition = lambda found: "b" in found.tags  # noqa: E731
    assert catalogue.remove(image.id, only_if=is_trashed) is None
    assert catalogue.trash(image.id, NOON_MS, only_if=is_tagged) is None
    assert catalogue.get(image.id) == image
    tagged = catalogue.change(image.id, Changes(tags=("b",)))
    assert tagged
    assert catalogue.trash(image.id, NOON_MS, only_if=is_tagged) == in_trash(tagged)
    assert catalogue.remove(image.id, only_if=is_trashed) == in_trash(tagged)
    assert catalogue.known([image.id]) == set()
    assert catalogue.totals()[Format.JPEG] == FormatTotals(0, 0)
