"""What every Catalogue does when an image gets another name, other tags or attributes."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from image_service.domain.image import Changes
from image_service.domain.listing import parse_list_query
from image_service.domain.ports import Catalogue, DuplicateRequest, RequestKey
from image_service.testing import NOON_MS
from tests.contracts.adapters import new_image


def ids(catalogue: Catalogue, **arguments: Any) -> list[str]:
    return [image.id for image in catalogue.page(parse_list_query(**arguments)).images]


def test_what_is_told_is_changed_and_what_is_not_stays(catalogue: Catalogue) -> None:
    image = catalogue.add(new_image(filename="a.jpg", tags=("x", "y"), attributes={"k": "v"}))
    other = catalogue.add(new_image(filename="a.jpg", tags=("x",)))
    for changes, expected in [
        (Changes(filename="Ünïcödé 😀.JPG"), {"filename": "Ünïcödé 😀.JPG"}),
        (Changes(tags=("z", "y")), {"tags": ("z", "y")}),
        (Changes(attributes={"ключ": ""}), {"attributes": {"ключ": ""}}),
        (Changes(tags=(), attributes={}), {"tags": (), "attributes": {}}),
        (Changes(), {}),
    ]:
        image = dataclasses.replace(image, **expected)
        assert catalogue.change(image.id, changes) == image
        assert catalogue.get(image.id) == image
    assert catalogue.get(other.id) == other


def test_the_listing_finds_an_image_by_what_it_is_called_now(catalogue: Catalogue) -> None:
    image = catalogue.add(new_image(filename="old.jpg", tags=("old", "both")))
    catalogue.change(image.id, Changes("NEW.jpg", ("both", "new")))
    assert ids(catalogue, filename="old") == ids(catalogue, tag="old") == []
    for found in ({"filename": "new"}, {"tag": "new"}, {"tag": "both"}):
        assert ids(catalogue, **found) == [image.id]
    catalogue.remove(image.id)
    assert ids(catalogue, tag="new") == []


def test_what_is_not_there_or_in_the_trash_is_not_changed(catalogue: Catalogue) -> None:
    assert catalogue.change(new_image().id, Changes("x.jpg")) is None
    image = catalogue.add(new_image(filename="a.jpg"))
    catalogue.trash(image.id, NOON_MS)
    assert catalogue.change(image.id, Changes("x.jpg")) is None
    restored = catalogue.restore(image.id)
    assert restored is not None
    assert restored.filename == "a.jpg"


def test_an_answered_request_keeps_the_image_as_it_was(catalogue: Catalogue) -> None:
    request = RequestKey("caller:k", NOON_MS, b"d")
    image = catalogue.add(new_image(filename="a.jpg"), [request])
    catalogue.change(image.id, Changes("b.jpg"))
    assert catalogue.find_request(request) == image


def test_the_same_request_to_change_changes_nothing_once_more(catalogue: Catalogue) -> None:
    request = RequestKey("delivery:k", NOON_MS)
    image = catalogue.add(new_image(tags=("0",)))
    first = catalogue.change(image.id, Changes(tags=("1",)), request)
    later = catalogue.change(image.id, Changes(tags=("2",)), RequestKey("delivery:l", NOON_MS))
    assert catalogue.find_request(request) == first
    with pytest.raises(DuplicateRequest) as raised:
        catalogue.change(image.id, Changes(tags=("1",)), request)
    assert raised.value.image == first
    assert catalogue.get(image.id) == later


def test_a_request_that_changed_nothing_is_not_remembered(catalogue: Catalogue) -> None:
    request = RequestKey("delivery:k", NOON_MS)
    assert catalogue.change(new_image().id, Changes(tags=("1",)), request) is None
    assert catalogue.find_request(request) is None


def test_totals_stay_as_they_are(catalogue: Catalogue) -> None:
    image = catalogue.add(new_image(tags=("a",)))
    before = catalogue.totals()
    catalogue.change(image.id, Changes("b.jpg", ("b", "c")))
    assert catalogue.totals() == before
