"""Quotas as the StorageManager keeps them: looked at first, exact in the end."""

from __future__ import annotations

from typing import Any

import pytest

from image_service.domain.outcomes import Delivery
from image_service.domain.quota import Quota, Quotas, Used
from image_service.domain.strip import Strip
from image_service.errors import CorruptImage, InvalidArgument, QuotaExceeded
from image_service.testing import InlineEngine, jpeg
from tests.unit.faults import OTHER_PICTURE, PICTURE, World

ADA = Delivery(owner="ada")
ONE_FILE = Quotas(store=Quota(files=1))
ONE_EACH = Quotas(owner=Quota(files=1, prefix="owner_"))


@pytest.mark.parametrize("quotas", [ONE_FILE, ONE_EACH])
def test_where_there_is_no_room_nothing_is_looked_at_or_written(quotas: Quotas) -> None:
    world = World(quotas=quotas)
    world.manager.add(PICTURE, "a.png", delivery=ADA)
    world.store.calls.clear()
    world.engine.looked_at.clear()
    with pytest.raises(QuotaExceeded):
        world.manager.add(OTHER_PICTURE, "b.png", delivery=ADA)
    assert world.store.calls == []
    assert world.engine.looked_at == []
    assert len(world.files()) == 1


def test_room_that_somebody_took_meanwhile_is_told_and_nothing_is_left() -> None:
    world = World(quotas=Quotas(store=Quota(bytes=len(PICTURE) + 1)))
    world.catalogue.before["add"] = QuotaExceeded("quota_bytes", 1, 1, 1)
    with pytest.raises(QuotaExceeded):
        world.manager.add(PICTURE, "a.png", idempotency_key="k")
    world.assert_empty()
    world.healed().manager.add(PICTURE, "a.png", idempotency_key="k")


def test_bytes_are_counted_as_they_are_stored() -> None:
    data = jpeg(comment=b"x" * 5000)
    plain = World(engine=InlineEngine(), strip=Strip.ALL)
    stored = plain.manager.add(data, "a.jpg").size_bytes
    assert stored < len(data)
    world = World(engine=InlineEngine(), strip=Strip.ALL, quotas=Quotas(store=Quota(bytes=stored)))
    assert world.manager.add(data, "a.jpg").size_bytes == stored
    with pytest.raises(QuotaExceeded) as raised:
        world.manager.add(data, "a.jpg")
    assert (raised.value.used, raised.value.asked) == (stored, stored)


def test_owners_are_told_apart_and_what_one_has_is_told() -> None:
    world = World(quotas=ONE_EACH)
    for delivery in (ADA, Delivery(owner=7), Delivery(), Delivery()):
        world.manager.add(PICTURE, "a.png", delivery=delivery)
    with pytest.raises(QuotaExceeded, match="You have 1 of 1 images"):
        world.manager.add(PICTURE, "a.png", delivery=Delivery(owner="7"))
    usage = world.manager.usage("ada")
    assert (usage.owner, usage.of_owner) == ("ada", Used(1, len(PICTURE)))
    assert (usage.files, world.manager.usage().owner) == (4, "")


@pytest.mark.parametrize("owner", ["x" * 256, "a\nb", True, 1.5, ["ada"], b"ada", "  "])
def test_an_owner_that_is_none_is_refused(owner: Any) -> None:
    world = World(quotas=ONE_EACH)
    with pytest.raises(InvalidArgument, match="owner"):
        world.manager.add(PICTURE, "a.png", delivery=Delivery(owner=owner))
    world.assert_empty()


def test_a_picture_that_is_none_is_told_where_there_is_room() -> None:
    world = World(quotas=ONE_FILE)
    world.engine.failure = CorruptImage("why")
    with pytest.raises(CorruptImage):
        world.manager.add(PICTURE, "a.png")
    world.assert_empty()
