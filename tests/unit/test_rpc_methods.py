"""What the documentation says of arguments and errors is what the methods do."""

from __future__ import annotations

from typing import Any

import pytest

from image_service.errors import ImageServiceError, InvalidArgument
from image_service.rpc.methods import methods_of
from image_service.rpc.schemas import schema_of
from image_service.service import ImageService
from image_service.testing import FakeImages, png

METHODS = methods_of(ImageService)
_STEPS = {"minimum": -1, "maximum": 1}
ENDS = [
    (method.name, argument.name, schema[end], step)
    for method in METHODS.values()
    for argument in method.arguments.values()
    for schema in [schema_of(argument.type)]
    for end, step in _STEPS.items()
    if end in schema
]
_LENGTHS = {"minLength": -1, "maxLength": 1}
TEXTS = [
    (method.name, argument.name, schema[end], step)
    for method in METHODS.values()
    for argument in method.arguments.values()
    for schema in [schema_of(argument.type)]
    for end, step in _LENGTHS.items()
    if end in schema
]


@pytest.fixture(scope="module")
def images() -> FakeImages:
    return FakeImages()


@pytest.fixture(scope="module")
def given(images: FakeImages) -> dict[str, Any]:
    data = png()
    return {"image_id": images.upload(data, "a.png").id, "file": data, "filename": "a.png"}


def _refused(
    images: FakeImages, given: dict[str, Any], name: str, *, why: str = "", **more: Any
) -> str | None:
    """Return the argument that is refused, with these words, None for none."""
    required = [each.name for each in METHODS[name].arguments.values() if each.is_required]
    try:
        images.call(name, **{**{each: given[each] for each in required}, **more})
    except InvalidArgument as exc:
        return exc.argument if why in str(exc) else None
    except ImageServiceError:
        pass
    return None


@pytest.mark.parametrize(("name", "argument", "end", "step"), ENDS)
def test_numbers_are_taken_to_the_ends_that_are_told(
    images: FakeImages, given: dict[str, Any], name: str, argument: str, end: int, step: int
) -> None:
    # What is within the range may still lie behind the end of a file.
    assert _refused(images, given, name, why="is not from", **{argument: end}) is None
    assert _refused(images, given, name, why="is not from", **{argument: end + step}) == argument


@pytest.mark.parametrize(("name", "argument", "end", "step"), TEXTS)
def test_texts_are_taken_in_the_lengths_that_are_told(
    images: FakeImages, given: dict[str, Any], name: str, argument: str, end: int, step: int
) -> None:
    assert _refused(images, given, name, **{argument: "x" * end}) is None
    assert _refused(images, given, name, **{argument: "x" * (end + step)}) == argument


@pytest.mark.parametrize("argument", ["order", "format"])
def test_words_are_those_that_are_told(
    images: FakeImages, given: dict[str, Any], argument: str
) -> None:
    words = schema_of(METHODS["list_images"].arguments[argument].type)["enum"]
    assert len(words) >= 6
    for word in words:
        assert _refused(images, given, "list_images", **{argument: word}) is None
    assert _refused(images, given, "list_images", **{argument: "else"}) == argument


def test_every_method_tells_its_errors_and_its_reply() -> None:
    assert len(METHODS) == 12
    assert len(ENDS) > 10
    assert METHODS["find_similar"].signature == "find_similar(image_id, max_distance=8, limit=50)"
    assert METHODS["delete_image"].signature == "delete_image(image_id, *, permanent=False)"
    assert "image_not_found" in METHODS["get_image"].codes
    assert "internal_error" in METHODS["health_check"].codes
