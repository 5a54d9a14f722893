"""What every SQL catalogue does about events: written with their change, or not at all."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from image_service.catalogue import SqlCatalogue
from image_service.catalogue.outbox import MAX_SNAPSHOT_CHARACTERS
from image_service.domain.description import Description
from image_service.domain.events import Backlog, EventType
from image_service.domain.image import Changes, Image
from image_service.domain.ports import DuplicateRequest, RequestKey
from image_service.domain.quota import Quota, Quotas
from image_service.errors import QuotaExceeded
from image_service.native import threading
from image_service.sight import calls
from image_service.testing import NOON_MS
from tests.contracts.adapters import CATALOGUES, new_image

REQUEST = RequestKey("delivery:1", NOON_MS)


@pytest.fixture(params=sorted(set(CATALOGUES) - {"memory"}))
def catalogues(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    made = CATALOGUES[request.param](tmp_path)
    yield made
    made.stop()


@pytest.fixture
def catalogue(catalogues: Any) -> SqlCatalogue:
    adapter: SqlCatalogue = catalogues.start().adapter
    return adapter


def told(catalogue: SqlCatalogue) -> list[tuple[str, str]]:
    return [(event.type.value, event.image.id) for event in catalogue.outbox.waiting(10_000)]


def forget_all(catalogue: SqlCatalogue) -> None:
    catalogue.outbox.forget(catalogue.outbox.waiting(10_000))


def test_each_change_is_told_in_order_with_the_image_as_it_was(catalogue: SqlCatalogue) -> None:
    image = new_image(tags=("a",), attributes={"k": "ü"})
    catalogue.add(image)
    changed = catalogue.change(image.id, Changes("b.jpg"))
    trashed = catalogue.trash(image.id, NOON_MS + 1)
    restored = catalogue.restore(image.id)
    removed = catalogue.remove(image.id)
    events = catalogue.outbox.waiting(10)
    assert [event.type for event in events] == [
        EventType.UPLOADED,
        EventType.UPDATED,
        EventType.DELETED,
        EventType.RESTORED,
        EventType.DELETED,
    ]
    assert [event.image for event in events] == [image, changed, trashed, restored, removed]
    assert len({event.id for event in events}) == 5
    assert [event.number for event in events] == sorted(event.number for event in events)
    assert {event.occurred_ms for event in events} == {NOON_MS}
    assert catalogue.outbox.backlog() == Backlog(5, NOON_MS)


def test_a_deletion_is_told_once_when_the_image_leaves_the_listings(
    catalogue: SqlCatalogue,
) -> None:
    image = catalogue.add(new_image())
    catalogue.trash(image.id, NOON_MS)
    catalogue.remove(image.id)
    assert told(catalogue) == [("image_uploaded", image.id), ("image_deleted", image.id)]


def test_what_changes_nothing_is_not_told(catalogue: SqlCatalogue) -> None:
    image = catalogue.add(new_image(filename="a.jpg"))
    forget_all(catalogue)
    catalogue.change(image.id, Changes("a.jpg"))
    catalogue.restore(image.id)
    catalogue.change(new_image().id, Changes("b.jpg"))
    catalogue.trash(new_image().id, NOON_MS)
    catalogue.remove(new_image().id)
    catalogue.put_back(new_image())
    catalogue.set_block_digests(image.id, b"")
    assert told(catalogue) == []
    assert catalogue.outbox.backlog() == Backlog()


def raises(error: type[Exception], change: Callable[[], object]) -> None:
    with pytest.raises(error):
        change()


def test_a_change_that_is_undone_is_not_told(catalogue: SqlCatalogue) -> None:
    first = catalogue.add(new_image(), [REQUEST])
    forget_all(catalogue)
    raises(DuplicateRequest, lambda: catalogue.add(new_image(), [REQUEST]))
    raises(QuotaExceeded, lambda: catalogue.add(new_image(), (), Quotas(Quota(files=1))))
    raises(DuplicateRequest, lambda: catalogue.trash(first.id, NOON_MS, REQUEST))
    assert told(catalogue) == []
    assert catalogue.get(first.id) == first


def test_a_withdrawn_upload_is_not_told(catalogue: SqlCatalogue) -> None:
    other, image = catalogue.add(new_image()), catalogue.add(new_image())
    catalogue.withdraw(image)
    catalogue.withdraw(new_image())
    assert told(catalogue) == [("image_uploaded", other.id)]


def test_an_upload_withdrawn_after_it_was_told_is_told_as_deleted(
    catalogue: SqlCatalogue,
) -> None:
    image = catalogue.add(new_image())
    forget_all(catalogue)
    catalogue.withdraw(image)
    assert told(catalogue) == [("image_deleted", image.id)]


def test_an_upload_withdrawn_while_it_is_being_told_is_told_as_deleted(
    catalogue: SqlCatalogue,
) -> None:
    image, living = catalogue.add(new_image()), catalogue.add(new_image())
    events = catalogue.outbox.waiting(10)
    catalogue.withdraw(image)
    catalogue.outbox.forget(events)
    assert told(catalogue) == [("image_deleted", image.id)]
    catalogue.outbox.forget(events)  # another process was quicker
    assert ("image_deleted", living.id) not in told(catalogue)


def test_a_number_that_is_given_again_forgets_nothing(catalogue: SqlCatalogue) -> None:
    catalogue.add(new_image())
    events = catalogue.outbox.waiting(10)
    catalogue.outbox.forget(events)
    image = catalogue.add(new_image())
    catalogue.outbox.forget(events)
    assert told(catalogue) == [("image_uploaded", image.id)]


def test_no_more_are_looked_at_than_wanted_and_the_rest_is_counted(
    catalogue: SqlCatalogue,
) -> None:
    images = [catalogue.add(new_image()) for _ in range(3)]
    assert [event.image for event in catalogue.outbox.waiting(2)] == images[:2]
    catalogue.outbox.forget(catalogue.outbox.waiting(1))
    assert catalogue.outbox.backlog() == Backlog(2, NOON_MS)


def test_the_call_that_caused_it_is_told(catalogue: SqlCatalogue) -> None:
    calls.enter(calls.Call("image_service.upload_image.7"))
    catalogue.add(new_image())
    calls.enter(None)
    catalogue.add(new_image())
    assert [e.cause.call_id for e in catalogue.outbox.waiting(9)] == [
        "image_service.upload_image.7",
        "",
    ]


def test_what_a_file_says_at_length_is_left_out(catalogue: SqlCatalogue) -> None:
    long = Description(exif={"a": "x" * MAX_SNAPSHOT_CHARACTERS}, loop_count=1)
    image = catalogue.add(new_image(description=long, attributes={"k": "v"}, removed=("exif",)))
    much = {str(n): "x" * 2000 for n in range(64)}
    other = catalogue.add(new_image(attributes=much, tags=("t",)))
    first, second = catalogue.outbox.waiting(2)
    assert first.image == dataclasses.replace(image, description=Description())
    assert second.image == dataclasses.replace(other, attributes={})
    assert first.is_partial
    assert second.is_partial


def test_of_many_threads_each_change_is_told_as_its_own_calls(catalogues: Any) -> None:
    made: dict[str, Image] = {}

    def work(number: int) -> None:
        catalogue = catalogues.start().adapter
        for turn in range(5):
            name = f"{number}.{turn}"
            calls.enter(calls.Call(name))
            made[name] = catalogue.add(new_image())
            catalogue.trash(made[name].id, NOON_MS)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events = catalogues.start().adapter.outbox.waiting(1000)
    assert len(events) == 40
    for name, image in made.items():
        of_image = [event for event in events if event.image.id == image.id]
        assert [event.type.value for event in of_image] == ["image_uploaded", "image_deleted"]
        assert {event.cause.call_id for event in of_image} == {name}
