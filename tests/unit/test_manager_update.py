"""StorageManager.update: what callers call an image, in the catalogue and beside its bytes."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from image_service.domain.label import Label
from image_service.errors import (
    ImageNotFound,
    ImageServiceError,
    InvalidArgument,
    InvalidFilename,
    InvalidImageId,
    StorageUnavailable,
    TypeMismatch,
)
from image_service.removals import Owed
from image_service.testing import FixedClock, MemoryCatalogue, MemoryStore
from image_service.updates import Updates
from tests.contracts.adapters import new_image


class Shelf:
    """Updates on a store that has one image."""

    def __init__(self) -> None:
        self.store, self.catalogue, self.owed = MemoryStore(), MemoryCatalogue(), Owed()
        self.updates = Updates(self.store, self.catalogue, FixedClock(), self.owed)
        self.image = self.catalogue.add(
            new_image(filename="a.jpg", tags=("x",), attributes={"k": "v"}, owner="me")
        )
        self.store.put(self.image.blob_name, b"bytes", b"old label")
        self.store.settle(self.image.blob_name)

    def update(self, filename: Any = None, tags: Any = None, attributes: Any = None) -> Any:
        return self.updates.update(self.image.id, filename, tags, attributes)

    @property
    def label(self) -> Label:
        return Label.from_bytes(self.store.label(self.image.blob_name))


def test_an_update_is_in_the_catalogue_and_beside_the_bytes() -> None:
    shelf = Shelf()
    changed = shelf.update("b.JPEG", ["y", "z", "y"])
    assert (changed.filename, changed.tags, changed.attributes) == (
        "b.JPEG",
        ("y", "z"),
        {"k": "v"},
    )
    assert shelf.catalogue.get(shelf.image.id) == changed
    assert shelf.label == Label("b.JPEG", ("y", "z"), {"k": "v"}, "me")


def test_nothing_to_change_changes_nothing() -> None:
    shelf = Shelf()
    assert shelf.update() == shelf.image
    assert shelf.store.label(shelf.image.blob_name) == b"old label"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"filename": "a.png"}, TypeMismatch),
        ({"filename": "a.exe.gif"}, TypeMismatch),
        ({"filename": ""}, InvalidFilename),
        ({"filename": 5}, InvalidFilename),
        ({"filename": "a\n.jpg"}, InvalidFilename),
        ({"tags": "x"}, InvalidArgument),
        ({"tags": [""]}, InvalidArgument),
        ({"tags": ["x"] * 65}, InvalidArgument),
        ({"attributes": {"a": 1}}, InvalidArgument),
        ({"attributes": ["a"]}, InvalidArgument),
        ({"filename": "b.jpg", "tags": [5]}, InvalidArgument),
    ],
)
def test_what_an_upload_refuses_an_update_refuses_and_changes_nothing(
    arguments: dict[str, Any], error: type[ImageServiceError]
) -> None:
    shelf = Shelf()
    with pytest.raises(error):
        shelf.update(**arguments)
    assert shelf.catalogue.get(shelf.image.id) == shelf.image


def test_what_is_not_there_cannot_be_updated() -> None:
    shelf = Shelf()
    with pytest.raises(ImageNotFound):
        shelf.updates.update(new_image().id, "b.jpg", None, None)
    with pytest.raises(ImageNotFound):
        shelf.updates.update(f"{shelf.image.id}.png", "b.jpg", None, None)
    with pytest.raises(InvalidImageId):
        shelf.updates.update("../x", "b.jpg", None, None)


def test_a_label_that_could_not_be_written_is_written_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shelf = Shelf()
    with monkeypatch.context() as patch:
        patch.setattr(shelf.store, "relabel", _fails)
        assert shelf.update("b.jpg").filename == "b.jpg"
    assert shelf.store.label(shelf.image.blob_name) == b"old label"
    shelf.owed.retry()
    assert shelf.label.filename == "b.jpg"


def _fails(name: str, label: bytes) -> None:
    raise StorageUnavailable("no")


def test_of_two_updates_at_once_the_last_ones_label_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shelf = Shelf()
    may_write, relabel = threading.Event(), shelf.store.relabel

    def held(name: str, label: bytes) -> None:
        if Label.from_bytes(label).filename == "first.jpg":
            assert may_write.wait(5)
        relabel(name, label)

    monkeypatch.setattr(shelf.store, "relabel", held)
    first = threading.Thread(target=shelf.update, args=("first.jpg",))
    first.start()
    while shelf.catalogue.get(shelf.image.id).filename != "first.jpg":  # type: ignore[union-attr]
        pass
    shelf.update("second.jpg")
    may_write.set()
    first.join()
    assert shelf.label.filename == "second.jpg"
