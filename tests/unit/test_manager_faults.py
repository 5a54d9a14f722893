"""StorageManager when steps fail, before or after their work, in all combinations."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
from typing import Any

import pytest

from image_service.domain.image import checksum_text
from image_service.domain.outcomes import Delivery
from image_service.errors import (
    ImageNotFound,
    ImageServiceError,
    StorageFull,
    StorageUnavailable,
)
from tests.unit.faults import DAY_S, PICTURE, World, set_faults

MODES = ("works", "before", "after")


def combinations(*steps: str) -> list[dict[str, str]]:
    every = itertools.product(MODES, repeat=len(steps))
    return [dict(zip(steps, modes, strict=True)) for modes in every]


def spelled(modes: dict[str, str]) -> str:
    return " ".join(f"{k}:{v}" for k, v in modes.items() if v != "works") or "all work"


@pytest.mark.parametrize("error", [StorageFull(), StorageUnavailable("x")], ids=str)
@pytest.mark.parametrize("mode", ["before", "after"])
@pytest.mark.parametrize(
    ("part", "step"),
    [("store", "put"), ("catalogue", "add"), ("store", "settle")],
)
def test_one_failing_step_of_an_upload_is_told_and_leaves_nothing(
    part: str, step: str, mode: str, error: Exception
) -> None:
    world = World()
    getattr(getattr(world, part), mode)[step] = error
    with pytest.raises(type(error)):
        world.manager.add(PICTURE, "a.png", idempotency_key="k", delivery=Delivery("d"))
    world.healed()
    assert world.ids() == set()
    world.manager.sweep()
    world.killed_and_restarted().assert_empty()
    assert world.records.requests == {}, "a failure is not remembered"


def test_the_catalogue_is_told_only_once_the_bytes_are_stored() -> None:
    world = World()
    world.catalogue.before["add"] = StorageFull()
    with pytest.raises(StorageFull):
        world.manager.add(PICTURE, "a.png")
    assert world.store.calls[0] == "put"


# A store whose settle() fails leaves the blob provisional (see the contract suite), so that what
# cannot be removed then can still be swept.
STORE_FAULTS = [
    modes
    for modes in combinations("put", "settle", "remove")
    if (modes["settle"], modes["remove"]) != ("after", "before")
]


@pytest.mark.parametrize("modes", STORE_FAULTS, ids=spelled)
@pytest.mark.parametrize("add", MODES)
def test_an_upload_is_whole_or_nothing_whatever_the_store_does(
    add: str, modes: dict[str, str]
) -> None:
    world = World()
    set_faults(world.store, modes)
    set_faults(world.catalogue, {"add": add})
    try:
        image = world.manager.add(PICTURE, "a.png")
    except ImageServiceError:
        image = None
    assert world.ids() == ({image.id} if image else set())
    if image:
        assert world.manager.open(image.id)[1].read() == PICTURE

    for later in (world.healed(), world.healed().killed_and_restarted()):
        later.manager.sweep()
        assert later.ids() == ({image.id} if image else set())
        if image is None and later is not world:
            later.assert_empty()
        later.assert_in_step()


@pytest.mark.parametrize("modes", combinations("add", "withdraw"), ids=spelled)
def test_an_upload_is_never_half_there_when_the_catalogue_cannot_even_be_told_to_forget(
    modes: dict[str, str],
) -> None:
    world = World()
    set_faults(world.catalogue, modes)
    with contextlib.suppress(ImageServiceError):
        world.manager.add(PICTURE, "a.png")
    later = world.healed().killed_and_restarted()
    later.assert_in_step()


def test_what_a_killed_process_was_storing_is_gone_after_the_next_start() -> None:
    world = World()
    world.engine.failure = SystemExit()
    world.store.before["remove"] = SystemExit()  # the process never gets to it
    with pytest.raises(SystemExit):
        world.manager.add(PICTURE, "a.png")
    assert world.files()
    world.killed_and_restarted().assert_empty()


def test_what_was_committed_but_not_yet_settled_survives_a_kill() -> None:
    world = World()
    world.store.before["settle"] = SystemExit()
    with pytest.raises(SystemExit):
        world.manager.add(PICTURE, "a.png")
    later = world.killed_and_restarted()
    assert len(later.ids()) == 1
    later.assert_in_step()


@pytest.mark.parametrize("modes", combinations("doubt", "settle", "remove"), ids=spelled)
@pytest.mark.parametrize("catalogue", combinations("remove", "known"), ids=spelled)
def test_a_deletion_is_whole_or_nothing(modes: dict[str, str], catalogue: dict[str, str]) -> None:
    world = World()
    image = world.manager.add(PICTURE, "a.png")
    kept = world.manager.add(PICTURE, "b.png")
    set_faults(world.store, modes)
    set_faults(world.catalogue, catalogue)
    try:
        world.manager.remove(image.id)
    except ImageServiceError:
        may_be_there = True
    else:
        may_be_there = False
        assert world.ids() == {kept.id}
        with pytest.raises(ImageNotFound):
            world.manager.open(image.id)
    if image.id in world.ids():
        assert may_be_there
        assert world.manager.open(image.id)[1].read() == PICTURE, "still there, so still whole"

    for later in (world.healed(), world.killed_and_restarted()):
        later.manager.sweep()
        assert later.ids() >= {kept.id}
        assert may_be_there or later.ids() == {kept.id}
        later.assert_in_step()


def test_a_deletion_killed_before_the_catalogue_knew_leaves_the_image_whole() -> None:
    world = World()
    image = world.manager.add(PICTURE, "a.png")
    world.catalogue.before["remove"] = SystemExit()
    with pytest.raises(SystemExit):
        world.manager.remove(image.id)
    later = world.killed_and_restarted()
    assert later.ids() == {image.id}
    later.assert_in_step()


def test_a_deletion_killed_after_the_catalogue_knew_is_finished_by_the_next_start() -> None:
    world = World()
    image = world.manager.add(PICTURE, "a.png")
    world.store.before["remove"] = SystemExit()
    with pytest.raises(SystemExit):
        world.manager.remove(image.id)
    world.killed_and_restarted().assert_empty()


def test_an_image_can_be_read_while_its_deletion_is_under_way() -> None:
    world = World()
    image = world.manager.add(PICTURE, "a.png")
    world.store.doubt(image.blob_name)
    assert world.manager.open(image.id)[1].read() == PICTURE


def test_a_sweep_leaves_alone_what_a_living_process_is_storing() -> None:
    world, other = World(), None
    other = world.sibling()
    image = world.manager.add(PICTURE, "a.png")
    world.store.doubt(image.blob_name)
    assert other.manager.sweep() == 0
    assert world.manager.sweep() == 0
    assert world.manager.remove(image.id) == image
    world.assert_empty()


def test_the_image_deleted_twice_at_once_is_deleted_once() -> None:
    world = World()
    image = world.manager.add(PICTURE, "a.png")
    other = world.sibling()
    remove = world.catalogue._adapter.remove

    def other_comes_first(*args: Any, **kwargs: Any) -> object:
        other.manager.remove(image.id)
        return remove(*args, **kwargs)

    world.catalogue._adapter.remove = other_comes_first
    with pytest.raises(ImageNotFound):
        world.manager.remove(image.id)
    world.assert_empty()


@pytest.mark.parametrize("again", ["with its key", "delivered again"])
def test_an_upload_that_was_acknowledged_meanwhile_is_not_undone_any_more(again: str) -> None:
    """Its commit was carried out, nobody said so, and it could not be undone at once."""
    world = World()
    other = world.sibling()
    set_faults(world.catalogue, {"add": "after", "withdraw": "before"})
    key = {"idempotency_key": "k"} if again == "with its key" else {}
    with pytest.raises(StorageUnavailable):
        world.manager.add(PICTURE, "a.png", **key, delivery=Delivery("d"))
    redelivered = Delivery("another" if key else "d", redelivered=not key)
    image = other.manager.add(PICTURE, "a.png", **key, delivery=redelivered)
    world.healed().manager.sweep()
    for later in (world, other, world.killed_and_restarted()):
        assert later.ids() == {image.id}
        later.assert_in_step()
    assert not world.disk.provisional


@pytest.mark.parametrize("settle", MODES)
@pytest.mark.parametrize("is_late", [False, True])
def test_it_stays_however_late_that_is_found_out_and_whatever_the_store_does(
    settle: str, is_late: bool
) -> None:
    world = World()
    other = world.sibling()
    set_faults(world.catalogue, {"add": "after", "withdraw": "before"})
    with pytest.raises(StorageUnavailable):
        world.manager.add(PICTURE, "a.png", idempotency_key="k")
    image = other.manager.add(PICTURE, "a.png", idempotency_key="k")
    if is_late:
        world.clock.advance(3 * DAY_S * 1000)
        other.manager.sweep()
        assert not world.records.requests, "nothing tells of the acknowledgement any more"
    set_faults(world.healed().store, {"settle": settle})
    for _ in range(3):
        world.manager.sweep()
        world.clock.advance(3 * DAY_S * 1000)
    for later in (world.healed(), other, world.killed_and_restarted()):
        later.manager.sweep()
        assert later.ids() == {image.id}
        later.assert_in_step()


def test_an_upload_that_is_undone_before_its_repetition_is_answered_is_stored_anew() -> None:
    world = World()
    other = world.sibling()
    set_faults(world.catalogue, {"add": "after", "withdraw": "before"})
    with pytest.raises(StorageUnavailable):
        world.manager.add(PICTURE, "a.png", idempotency_key="k")
    (first,) = world.ids()
    vouch_for = other.catalogue._adapter.vouch_for

    def too_late(image_id: str) -> bool:
        world.healed().manager.sweep()
        return bool(vouch_for(image_id))

    other.catalogue._adapter.vouch_for = too_late
    image = other.manager.add(PICTURE, "a.png", idempotency_key="k")
    assert other.ids() == {image.id} != {first}
    other.assert_in_step()


def test_an_upload_that_was_told_to_be_there_is_not_undone() -> None:
    world = World()
    set_faults(world.catalogue, {"add": "after", "withdraw": "before"})
    with pytest.raises(StorageUnavailable):
        world.manager.add(PICTURE, "a.png", idempotency_key="k")
    checksum = checksum_text(hashlib.sha256(PICTURE).digest())
    found = world.sibling().manager.find([checksum])
    world.healed().manager.sweep()
    assert world.ids() == set(found.values()) == {found[checksum]}
    world.assert_in_step()


def test_an_upload_that_is_undone_meanwhile_is_not_told_to_be_there() -> None:
    world = World()
    other = world.sibling()
    set_faults(world.catalogue, {"add": "after", "withdraw": "before"})
    with pytest.raises(StorageUnavailable):
        world.manager.add(PICTURE, "a.png", idempotency_key="k")
    vouch_for_all = other.catalogue._adapter.vouch_for_all

    def too_late(image_ids: set[str]) -> Any:
        world.healed().manager.sweep()
        return vouch_for_all(image_ids)

    other.catalogue._adapter.vouch_for_all = too_late
    assert other.manager.find([checksum_text(hashlib.sha256(PICTURE).digest())]) == {}
    assert other.ids() == set()
