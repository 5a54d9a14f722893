"""A clock that steps backwards, as when a machine's time is set: on fakes."""

from __future__ import annotations

from typing import Any

import pytest

from image_service.domain.listing import ListQuery
from image_service.domain.outcomes import Delivery
from image_service.errors import ImageNotFound
from tests.unit.faults import PICTURE, World

DAY_MS = 86_400_000


@pytest.fixture
def world() -> World:
    return World(trash_retention_days=2, retention_days={"old": 1})


def ids(world: World, **wanted: Any) -> list[str]:
    return [image.id for image in world.manager.page(ListQuery(**wanted)).images]


def test_uploads_go_on_and_are_listed_by_the_time_they_were_told(world: World) -> None:
    first = world.manager.add(PICTURE, "a.png")
    world.clock.advance(-DAY_MS)
    second = world.manager.add(PICTURE, "b.png")
    assert ids(world) == [first.id, second.id]
    assert second.created_ms == first.created_ms - DAY_MS
    page = world.manager.page(ListQuery(limit=1))
    assert page.has_more
    assert ids(world, limit=1, after=(page.images[0].created_ms, page.images[0].id)) == [second.id]
    with world.manager.open(second.id)[1] as file:
        assert file.read() == PICTURE


def test_requests_are_still_carried_out_once(world: World) -> None:
    delivery = Delivery(key="q/1", arrived_ms=world.clock.now_ms())
    first = world.manager.add(PICTURE, "a.png", delivery=delivery)
    keyed = world.manager.add(PICTURE, "a.png", idempotency_key="k")
    world.clock.advance(-DAY_MS)
    world.manager.sweep()
    again = Delivery(key="q/1", redelivered=True)
    assert world.manager.add(PICTURE, "a.png", delivery=again).id == first.id
    assert world.manager.add(PICTURE, "a.png", idempotency_key="k").id == keyed.id
    assert len(ids(world)) == 2


def test_the_trash_is_not_emptied_early_and_is_in_the_end(world: World) -> None:
    image = world.manager.add(PICTURE, "a.png")
    world.manager.remove(image.id)
    world.clock.advance(-5 * DAY_MS)
    world.manager.expire()
    assert ids(world, trashed=True) == [image.id]
    assert world.manager.restore(image.id).id == image.id
    world.manager.remove(image.id)
    world.clock.advance(2 * DAY_MS + 1)
    world.manager.expire()
    with pytest.raises(ImageNotFound):
        world.manager.restore(image.id)


def test_one_machine_whose_clock_is_ahead_removes_nothing_of_the_others(world: World) -> None:
    trashed = world.manager.add(PICTURE, "a.png")
    world.manager.remove(trashed.id)
    tagged = world.manager.add(PICTURE, "b.png", tags=["old"], idempotency_key="k")
    world.records.now_ms = world.clock.now_ms()
    world.clock.advance(1000 * DAY_MS)
    world.manager.expire()
    world.manager.sweep()
    assert (ids(world), ids(world, trashed=True)) == ([tagged.id], [trashed.id])
    assert world.manager.add(PICTURE, "b.png", idempotency_key="k") == tagged
    world.records.now_ms = world.clock.now_ms()  # now it is so late indeed
    world.manager.expire()
    assert (ids(world), ids(world, trashed=True)) == ([], [tagged.id])


def test_what_is_kept_for_a_time_is_kept_longer_not_shorter(world: World) -> None:
    image = world.manager.add(PICTURE, "a.png", tags=["old"])
    world.clock.advance(-3 * DAY_MS)
    world.manager.expire()
    assert ids(world) == [image.id]
    world.clock.advance(4 * DAY_MS + 1)
    world.manager.expire()
    assert ids(world) == []
