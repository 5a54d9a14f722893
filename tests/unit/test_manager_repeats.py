"""StorageManager and requests that come twice: redelivered by the broker, or by the same key."""

from __future__ import annotations

import pytest

from image_service.domain.outcomes import Delivery
from image_service.errors import (
    Busy,
    ChecksumMismatch,
    CorruptImage,
    ImageNotFound,
    InvalidArgument,
    StorageUnavailable,
)
from tests.unit.faults import DAY_S, OTHER_PICTURE, PICTURE, World

FIRST = Delivery("reply-queue\0correlation")
AGAIN = Delivery("reply-queue\0correlation", redelivered=True)


@pytest.fixture
def world() -> World:
    return World()


def test_a_redelivered_upload_answers_the_first_image(world: World) -> None:
    first = world.manager.add(PICTURE, "a.png", delivery=FIRST)
    looked = len(world.engine.looked_at)
    assert world.manager.add(PICTURE, "a.png", delivery=AGAIN) == first
    assert world.ids() == {first.id}
    assert len(world.engine.looked_at) == looked, "answered without looking at the picture again"
    world.assert_in_step()


def test_a_redelivery_that_is_not_marked_as_one_makes_no_second_image_either(world: World) -> None:
    first = world.manager.add(PICTURE, "a.png", delivery=FIRST)
    assert world.sibling().manager.add(PICTURE, "a.png", delivery=FIRST) == first
    assert world.ids() == {first.id}
    world.assert_in_step()


def test_a_redelivered_upload_whose_first_try_failed_is_carried_out(world: World) -> None:
    world.catalogue.before["add"] = StorageUnavailable("x")
    with pytest.raises(StorageUnavailable):
        world.manager.add(PICTURE, "a.png", delivery=FIRST)
    world.healed()
    assert world.manager.add(PICTURE, "a.png", delivery=AGAIN).id in world.ids()


def test_an_upload_interrupted_by_a_kill_is_carried_out_when_redelivered(world: World) -> None:
    world.catalogue.before["add"] = SystemExit()
    with pytest.raises(SystemExit):
        world.manager.add(PICTURE, "a.png", delivery=FIRST, idempotency_key="k")
    later = world.killed_and_restarted()
    image = later.manager.add(PICTURE, "a.png", delivery=AGAIN, idempotency_key="k")
    assert later.ids() == {image.id}
    later.assert_in_step()


def test_other_deliveries_and_none_make_images_of_their_own(world: World) -> None:
    deliveries = [
        None,
        None,
        Delivery(),
        Delivery(),
        Delivery("a"),
        Delivery("b", redelivered=True),
    ]
    ids = {world.manager.add(PICTURE, "a.png", delivery=each).id for each in deliveries}
    assert len(ids) == len(deliveries)


def test_the_same_key_with_the_same_bytes_answers_the_first_upload(world: World) -> None:
    first = world.manager.add(PICTURE, "a.png", tags=["x"], idempotency_key="k", delivery=FIRST)
    again = world.manager.add(PICTURE, "other.png", idempotency_key="k", delivery=Delivery("new"))
    assert again == first
    assert world.sibling().manager.add(PICTURE, "a.png", idempotency_key="k") == first
    assert world.ids() == {first.id}


def test_the_same_key_with_other_bytes_is_refused_and_stores_nothing(world: World) -> None:
    first = world.manager.add(PICTURE, "a.png", idempotency_key="k")
    with pytest.raises(InvalidArgument) as raised:
        world.manager.add(OTHER_PICTURE, "a.png", idempotency_key="k")
    assert raised.value.argument == "idempotency_key"
    assert world.ids() == {first.id}
    assert world.manager.add(PICTURE, "a.png", idempotency_key="k") == first


def test_while_the_first_is_in_flight_the_same_key_is_busy(world: World) -> None:
    other = world.sibling()
    seen = []

    def meanwhile(name: str, data: bytes, label: bytes) -> bytes:
        for file in (PICTURE, OTHER_PICTURE):
            try:
                other.manager.add(file, "a.png", idempotency_key="k")
            except (Busy, InvalidArgument) as exc:
                seen.append(type(exc))
        return put(name, data, label)

    put = world.store._adapter.put
    world.store._adapter.put = meanwhile
    first = world.manager.add(PICTURE, "a.png", idempotency_key="k")
    assert seen == [Busy, InvalidArgument]
    assert other.manager.add(PICTURE, "a.png", idempotency_key="k") == first
    assert world.ids() == {first.id}


def test_a_key_whose_process_died_can_be_used_again(world: World) -> None:
    world.store.before["put"] = SystemExit()
    world.catalogue.before["abandon_request"] = SystemExit()
    with pytest.raises(SystemExit):
        world.manager.add(PICTURE, "a.png", idempotency_key="k")
    with pytest.raises(Busy):
        world.sibling().manager.add(PICTURE, "a.png", idempotency_key="k")
    later = world.killed_and_restarted()
    assert later.manager.add(PICTURE, "a.png", idempotency_key="k").id in later.ids()


def test_a_redelivered_upload_is_carried_out_though_a_host_that_hangs_is_at_it(
    world: World,
) -> None:
    other = world.sibling()
    redelivered = []

    def hanging(name: str, data: bytes, label: bytes) -> bytes:
        world.store._adapter.put = put
        image = other.manager.add(PICTURE, "a.png", delivery=AGAIN, idempotency_key="k")
        redelivered.append(image)
        return put(name, data, label)

    put = world.store._adapter.put
    world.store._adapter.put = hanging
    first = world.manager.add(PICTURE, "a.png", delivery=FIRST, idempotency_key="k")
    assert redelivered == [first]
    assert world.ids() == {first.id}
    world.assert_in_step()


def test_a_failed_upload_does_not_use_up_its_key(world: World) -> None:
    world.engine.failure = CorruptImage("x")
    with pytest.raises(CorruptImage):
        world.manager.add(PICTURE, "a.png", idempotency_key="k")
    world.engine.failure = None
    assert world.manager.add(OTHER_PICTURE, "a.png", idempotency_key="k")


def test_a_key_is_forgotten_after_its_window(world: World) -> None:
    first = world.manager.add(PICTURE, "a.png", idempotency_key="k")
    world.clock.advance(DAY_S * 1000)
    world.manager.sweep()
    assert world.manager.add(PICTURE, "a.png", idempotency_key="k") == first, "24 h are inclusive"
    world.clock.advance(1)
    world.manager.sweep()
    assert world.manager.add(PICTURE, "a.png", idempotency_key="k") != first


def test_a_key_answers_the_first_upload_even_when_the_image_was_deleted_since(world: World) -> None:
    first = world.manager.add(PICTURE, "a.png", idempotency_key="k")
    world.manager.remove(first.id)
    assert world.manager.add(PICTURE, "a.png", idempotency_key="k") == first
    world.assert_empty()


@pytest.mark.parametrize("key", ["", " ", 5, "a" * 256, "a\nb", b"k"])
def test_a_bad_key_is_an_invalid_argument(world: World, key: object) -> None:
    with pytest.raises(InvalidArgument) as raised:
        world.manager.add(PICTURE, "a.png", idempotency_key=key)
    assert raised.value.argument == "idempotency_key"


def test_a_caller_cannot_name_another_callers_delivery(world: World) -> None:
    first = world.manager.add(PICTURE, "a.png", delivery=FIRST)
    assert world.manager.add(PICTURE, "a.png", idempotency_key=FIRST.key.replace("\0", "")) != first
    key = next(iter(world.records.requests))
    assert world.manager.add(PICTURE, "a.png", idempotency_key=key) != first


def test_a_redelivered_delete_answers_as_the_first_did(world: World) -> None:
    image = world.manager.add(PICTURE, "a.png")
    assert world.manager.remove(image.id, delivery=FIRST) == image
    assert world.manager.remove(image.id, delivery=AGAIN) == image
    assert world.sibling().manager.remove(image.id, delivery=FIRST) == image
    with pytest.raises(ImageNotFound):
        world.manager.remove(image.id, delivery=Delivery("another"))
    with pytest.raises(ImageNotFound):
        world.manager.remove(image.id)


def test_a_delete_redelivered_after_a_kill_finishes_it(world: World) -> None:
    image = world.manager.add(PICTURE, "a.png")
    world.store.before["remove"] = SystemExit()
    with pytest.raises(SystemExit):
        world.manager.remove(image.id, delivery=FIRST)
    later = world.killed_and_restarted()
    assert later.manager.remove(image.id, delivery=AGAIN) == image
    later.assert_empty()


def test_a_delete_that_failed_is_carried_out_when_it_comes_again(world: World) -> None:
    image = world.manager.add(PICTURE, "a.png")
    world.catalogue.before["remove"] = StorageUnavailable("x")
    with pytest.raises(StorageUnavailable):
        world.manager.remove(image.id, delivery=FIRST)
    world.healed()
    assert world.manager.remove(image.id, delivery=AGAIN) == image
    world.assert_empty()


def test_a_delivery_that_uploaded_one_image_does_not_answer_for_deleting_another(
    world: World,
) -> None:
    world.manager.add(PICTURE, "a.png", delivery=FIRST)
    with pytest.raises(ImageNotFound):
        world.manager.remove("img_1700000000000_abcdefghij0123456789", delivery=AGAIN)


def test_a_request_that_was_not_redelivered_is_not_one_from_before_it_arrived(
    world: World,
) -> None:
    """Some clients count their correlation ids from one at every start."""

    def delivery() -> Delivery:
        return Delivery(FIRST.key, arrived_ms=world.clock.now_ms())

    first = world.manager.add(PICTURE, "a.png", delivery=delivery())
    world.clock.advance(1)
    world.manager.remove(first.id, delivery=delivery())
    world.clock.advance(1)
    second = world.manager.add(PICTURE, "b.png", delivery=delivery())
    assert second.id != first.id
    assert second.filename == "b.png"
    assert world.ids() == {second.id}
    world.clock.advance(1)
    with pytest.raises(ImageNotFound):
        world.manager.remove(first.id, delivery=delivery())
    assert world.manager.add(PICTURE, "b.png", delivery=AGAIN) == second
    world.assert_in_step()


def test_a_request_overtaken_by_its_own_redelivery_makes_no_second_image(world: World) -> None:
    arrived_ms = world.clock.now_ms()
    world.clock.advance(50)
    first = world.sibling().manager.add(PICTURE, "a.png", delivery=AGAIN)
    late = Delivery(FIRST.key, arrived_ms=arrived_ms)
    assert world.manager.add(PICTURE, "a.png", delivery=late) == first
    assert world.ids() == {first.id}


def test_a_checksum_is_verified_also_where_the_first_reply_would_do(world: World) -> None:
    world.manager.add(PICTURE, "a.png", idempotency_key="k")
    with pytest.raises(ChecksumMismatch):
        world.manager.add(PICTURE, "a.png", idempotency_key="k", checksum="sha256:" + "0" * 64)


def test_a_redelivered_update_leaves_what_was_changed_since_then(world: World) -> None:
    image = world.manager.add(PICTURE, "a.png")
    first = world.manager.update(image.id, tags=["1"], delivery=FIRST)
    later = world.manager.update(image.id, tags=["2"])
    assert world.sibling().manager.update(image.id, tags=["1"], delivery=AGAIN) == first
    assert world.manager.get(image.id) == later


def test_one_correlation_id_for_other_changes_is_another_update(world: World) -> None:
    image = world.manager.add(PICTURE, "a.png")
    for tag in ("1", "2"):
        assert world.manager.update(image.id, tags=[tag], delivery=FIRST).tags == (tag,)


def test_a_redelivered_restoration_leaves_what_was_removed_since_then_in_the_trash() -> None:
    world = World(trash_retention_days=1)
    image = world.manager.add(PICTURE, "a.png")
    world.manager.remove(image.id)
    assert world.manager.restore(image.id, delivery=FIRST) == image
    world.manager.remove(image.id)
    assert world.sibling().manager.restore(image.id, delivery=AGAIN) == image
    assert world.ids() == set()
    assert world.disk.trash
    assert not world.disk.blobs


def test_a_request_that_nobody_else_can_have_is_known_however_late_it_arrives(
    world: World,
) -> None:
    """At a host that hung: the broker gave it to another one, and this one's clock goes on."""
    unique = Delivery(FIRST.key, redelivered=True, is_unique=True)
    image = world.manager.add(PICTURE, "a.png", delivery=unique)
    world.manager.update(image.id, tags=["1"], delivery=unique)
    world.manager.update(image.id, tags=["2"])
    world.clock.advance(60_000)
    late = Delivery(FIRST.key, arrived_ms=world.clock.now_ms(), is_unique=True)
    assert world.manager.add(PICTURE, "a.png", delivery=late) == image
    assert world.manager.update(image.id, tags=["1"], delivery=late).tags == ("1",)
    assert world.manager.get(image.id).tags == ("2",)
    assert world.ids() == {image.id}
