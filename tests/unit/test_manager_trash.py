"""The trash, retention by tag, and what goes wrong on the way in and out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from image_service.domain.listing import ListQuery
from image_service.domain.outcomes import Delivery
from image_service.errors import ImageNotFound, InvalidImageId, StorageUnavailable
from tests.unit.faults import PICTURE, World

DAY_MS = 86_400_000
AT_DOWN = StorageUnavailable("down")


@pytest.fixture
def world() -> World:
    return World(trash_retention_days=2)


def trashed(world: World) -> list[str]:
    return [image.id for image in world.manager.page(ListQuery(trashed=True)).images]


def test_what_is_removed_is_gone_and_can_be_restored(world: World) -> None:
    image = world.manager.add(PICTURE, "a.png", tags=["a"])
    removed = world.manager.remove(image.id)
    assert world.manager.restorable_until_ms(removed) == world.clock.now_ms() + 2 * DAY_MS
    for read in (world.manager.get, world.manager.open, world.manager.remove):
        with pytest.raises(ImageNotFound):
            read(image.id)
    assert not world.manager.is_there(image)
    assert (world.ids(), trashed(world)) == (set(), [image.id])
    assert world.manager.restore(f"{image.id}.png") == image
    assert (world.ids(), trashed(world)) == ({image.id}, [])
    assert world.manager.is_there(image)
    assert world.manager.open(image.id)[1].read() == PICTURE


def test_variants_go_when_their_image_goes_into_the_trash(world: World) -> None:
    image = world.manager.add(PICTURE, "a.png")
    world.variants.put(image.id, "aa", b"variant", made_s=1)
    world.manager.remove(image.id)
    assert not world.variants.has(image.id, "aa")


def test_restoring_what_lives_changes_nothing_and_what_is_not_there_is_told(world: World) -> None:
    image = world.manager.add(PICTURE, "a.png")
    assert world.manager.restore(image.id) == image
    for wrong, error in ((f"{image.id}.jpg", ImageNotFound), ("x", InvalidImageId)):
        with pytest.raises(error):
            world.manager.restore(wrong)
    world.manager.remove(image.id)
    with pytest.raises(ImageNotFound):
        world.manager.restore(f"{image.id}.jpg")
    world.manager.remove(image.id, permanent=True)
    with pytest.raises(ImageNotFound):
        world.manager.restore(image.id)


@pytest.mark.parametrize("is_trashed_first", [False, True])
def test_what_is_removed_for_good_leaves_nothing(world: World, is_trashed_first: bool) -> None:
    image = world.manager.add(PICTURE, "a.png")
    if is_trashed_first:
        world.manager.remove(image.id)
    world.manager.remove(image.id, permanent=True)
    assert trashed(world) == []
    world.assert_empty()


def test_the_trash_is_emptied_of_what_was_there_long_enough(world: World) -> None:
    early = world.manager.add(PICTURE, "a.png")
    world.manager.remove(early.id)
    world.clock.advance(DAY_MS)
    late = world.manager.add(PICTURE, "b.png")
    world.manager.remove(late.id)
    world.manager.expire()
    assert set(trashed(world)) == {early.id, late.id}
    world.clock.advance(DAY_MS + 1)
    world.manager.expire()
    assert trashed(world) == [late.id]
    assert world.files() == {late.blob_name}


def test_without_a_trash_what_was_in_it_goes(world: World) -> None:
    world.manager.remove(world.manager.add(PICTURE, "a.png").id)
    world.clock.advance(1)
    later = World(world, trash_retention_days=0)
    later.manager.expire()
    later.assert_empty()
    assert trashed(later) == []


def test_a_redelivered_removal_answers_as_the_first_did(world: World) -> None:
    image = world.manager.add(PICTURE, "a.png")
    once = Delivery("k", arrived_ms=world.clock.now_ms())
    again = Delivery("k", redelivered=True, arrived_ms=world.clock.now_ms())
    first = world.manager.remove(image.id, delivery=once)
    assert world.manager.remove(image.id, delivery=again) == first
    assert trashed(world) == [image.id]


def test_images_with_a_tag_go_when_they_are_too_old() -> None:
    world = World(retention_days={"tmp": 1, "week": 7}, trash_retention_days=2)
    kept = world.manager.add(PICTURE, "a.png", tags=["keep", "week"])
    gone = world.manager.add(PICTURE, "b.png", tags=["x", "tmp"])
    world.clock.advance(DAY_MS)
    world.manager.expire()
    assert world.ids() == {kept.id, gone.id}, "to the millisecond"
    world.clock.advance(1)
    world.manager.expire()
    assert (world.ids(), trashed(world)) == ({kept.id}, [gone.id])
    assert world.manager.restore(gone.id).id == gone.id


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", ["shelve", "trash"])
def test_a_removal_that_fails_leaves_one_truth(world: World, step: str, when: str) -> None:
    image = world.manager.add(PICTURE, "a.png")
    part = world.store if step == "shelve" else world.catalogue
    getattr(part, when)[step] = AT_DOWN
    with pytest.raises(StorageUnavailable):
        world.manager.remove(image.id)
    world.healed().manager.sweep()
    is_trashed = (step, when) == ("trash", "after")
    assert trashed(world) == ([image.id] if is_trashed else [])
    assert world.manager.is_there(image) is not is_trashed
    world.manager.restore(image.id)
    assert world.manager.open(image.id)[1].read() == PICTURE


STEPS: list[tuple[str, str]] = [
    ("store", "shelve"), ("catalogue", "trash"), ("store", "unshelve"), ("catalogue", "restore"),
]  # fmt: skip


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("part", "step"), STEPS)
def test_killed_at_any_step_the_next_process_finds_one_truth(
    world: World, part: str, step: str, when: str
) -> None:
    image = world.manager.add(PICTURE, "a.png")
    if step in ("unshelve", "restore"):
        world.manager.remove(image.id)
    act: Callable[[Any], Any] = (
        world.manager.restore if step in ("unshelve", "restore") else world.manager.remove
    )
    getattr(getattr(world, part), when)[step] = KeyboardInterrupt()  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        act(image.id)
    later = world.killed_and_restarted()
    is_trashed = bool(trashed(later))
    assert later.manager.is_there(image) is not is_trashed
    assert later.ids() == (set() if is_trashed else {image.id})
    assert later.files() == {image.blob_name}
    assert later.manager.restore(image.id) == image
    assert later.manager.open(image.id)[1].read() == PICTURE


def test_what_is_restored_while_the_trash_is_emptied_stays(world: World) -> None:
    image = world.manager.add(PICTURE, "a.png")
    world.manager.remove(image.id)
    world.clock.advance(3 * DAY_MS)
    remove = world.catalogue._adapter.remove

    def restored_first(*args: Any, **kwargs: Any) -> object:
        world.sibling().manager.restore(image.id)
        return remove(*args, **kwargs)

    world.catalogue._adapter.remove = restored_first
    world.manager.expire()
    assert world.ids() == {image.id}
    assert world.manager.open(image.id)[1].read() == PICTURE
    assert world.manager.is_there(image)


@pytest.mark.parametrize("trash_retention_days", [0, 1])
@pytest.mark.parametrize("step", ["get", "remove or trash"])
def test_what_loses_its_tag_while_others_expire_stays(
    step: str, trash_retention_days: float
) -> None:
    world = World(retention_days={"tmp": 1}, trash_retention_days=trash_retention_days)
    image = world.manager.add(PICTURE, "a.png", tags=["tmp"])
    world.clock.advance(DAY_MS + 1)
    if step != "get":
        step = "trash" if trash_retention_days else "remove"
    act = getattr(world.catalogue._adapter, step)

    def kept_first(*args: Any, **kwargs: Any) -> object:
        setattr(world.catalogue._adapter, step, act)
        world.sibling().manager.update(image.id, tags=["keep"])
        return act(*args, **kwargs)

    setattr(world.catalogue._adapter, step, kept_first)
    world.manager.expire()
    assert world.ids() == {image.id}
    assert world.manager.open(image.id)[1].read() == PICTURE
    assert world.manager.is_there(image)
    assert trashed(world) == []


def test_what_was_restored_and_removed_again_has_all_its_time(world: World) -> None:
    image = world.manager.add(PICTURE, "a.png")
    world.manager.remove(image.id)
    world.clock.advance(3 * DAY_MS)
    remove = world.catalogue._adapter.remove

    def anew(*args: Any, **kwargs: Any) -> object:
        world.catalogue._adapter.remove = remove
        other = world.sibling().manager
        other.restore(image.id)
        other.remove(image.id)
        return remove(*args, **kwargs)

    world.catalogue._adapter.remove = anew
    world.manager.expire()
    assert trashed(world) == [image.id]
    assert world.manager.restore(image.id).id == image.id
    assert world.manager.open(image.id)[1].read() == PICTURE
