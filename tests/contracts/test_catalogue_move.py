"""A catalogue that moves from SQLite to PostgreSQL while others work with it."""

from __future__ import annotations

import collections
import contextlib
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from image_service.catalogue import move_log
from image_service.catalogue.move import CatalogueMove, MoveFailed
from image_service.domain.image import Changes, Image
from image_service.domain.listing import ListQuery
from image_service.domain.ports import DuplicateRequest, RequestKey
from image_service.errors import Busy, ImageServiceError, StorageUnavailable
from image_service.native import threading
from image_service.testing import NOON_MS
from scripts.postgres import Server
from tests.contracts.adapters import MovingCatalogues, Process, SqliteCatalogues, new_image

NEVER = 10**9


@pytest.fixture
def moving(postgres_server: Server, tmp_path: Path) -> Iterator[MovingCatalogues]:
    made = MovingCatalogues(tmp_path, postgres_server, after=NEVER)
    yield made
    made.stop()


@pytest.fixture
def service(moving: MovingCatalogues) -> Process:
    """A process that goes along."""
    return moving.start()


@pytest.fixture
def move(moving: MovingCatalogues) -> CatalogueMove:
    """The move, by another process."""
    found: CatalogueMove = moving.start().database.move()
    return found


def run(steps: Iterator[int]) -> None:
    collections.deque(steps, maxlen=0)


def all_of(catalogue: Any) -> dict[str, Image]:
    ids = [blob.id for blob in catalogue.walk("", 10_000)]
    return {image_id: catalogue.get(image_id, trashed=None) for image_id in ids}


def told(catalogue: Any) -> tuple[Any, ...]:
    totals = {key: value for key, value in catalogue.totals().items() if any(vars(value).values())}
    return totals, catalogue.months(), catalogue.tags("", 50), catalogue.used("ann")


def in_postgres(moving: MovingCatalogues) -> Any:
    return moving.postgres.start().adapter


def key(name: str = "k", digest: bytes = b"d") -> RequestKey:
    return RequestKey(name, NOON_MS, digest)


def filled(catalogue: Any, count: int = 7) -> list[Image]:
    return [
        catalogue.add(
            new_image(tags=(f"t{n % 3}",), attributes={"n": str(n)}, owner="ann" if n % 2 else "")
        )
        for n in range(count)
    ]


def test_what_is_changed_at_each_step_goes_along(
    moving: MovingCatalogues, service: Process, move: CatalogueMove
) -> None:
    catalogue = service.adapter
    some = filled(catalogue)
    with contextlib.suppress(StopIteration):
        next(move.copy())

    def change_some(number: int) -> None:
        catalogue.add(new_image(tags=("late",)), [key(f"k{number}")])
        catalogue.change(some[0].id, Changes(filename=f"{number}.jpg", tags=("t", str(number))))
        catalogue.remove(some[number].id)
        catalogue.trash(some[5].id, NOON_MS) or catalogue.restore(some[5].id)

    change_some(1)
    run(move.copy())
    change_some(2)
    move.catch_up()
    change_some(3)
    run(move.compare())
    change_some(4)
    before, counted = all_of(catalogue), told(catalogue)
    assert not service.database.database.transactions.look()
    move.cut_over()
    assert move.is_over()
    assert service.database.database.transactions.look()
    assert all_of(catalogue) == before == all_of(in_postgres(moving))
    assert len(before) == 7 - 4 + 4
    assert told(catalogue) == counted
    for number in range(1, 5):
        assert catalogue.find_request(key(f"k{number}")) is not None


@pytest.mark.parametrize("first", ["get", "remove", "page"])
def test_whatever_a_process_does_first_afterwards_it_does_there(
    moving: MovingCatalogues, service: Process, move: CatalogueMove, first: str
) -> None:
    other = moving.start().adapter
    run(move.copy())
    move.cut_over()
    image = service.adapter.add(new_image())
    if first == "page":
        assert other.page(ListQuery()).images[0].id == image.id
    else:
        found = getattr(other, first)(image.id)
        assert found is not None
        assert found.id == image.id


def test_what_waits_to_be_told_goes_along_in_its_order(
    moving: MovingCatalogues, service: Process, move: CatalogueMove
) -> None:
    catalogue = service.adapter
    first, second = filled(catalogue, 2)
    being_told = catalogue.outbox.waiting(1)
    catalogue.remove(first.id)
    before = [(event.id, event.type, event.image.id) for event in catalogue.outbox.waiting(10)]
    run(move.copy())
    move.cut_over()
    after = [(event.id, event.type, event.image.id) for event in catalogue.outbox.waiting(10)]
    assert after == before
    assert [each[2] for each in after] == [first.id, second.id, first.id]
    # What was being told at that moment is told again, rather than never.
    catalogue.outbox.forget(being_told)
    assert len(catalogue.outbox.waiting(10)) in (2, 3)


def test_a_key_in_flight_stays_its_processs_and_is_carried_out_once(
    moving: MovingCatalogues, service: Process, move: CatalogueMove
) -> None:
    other = moving.start().adapter
    service.adapter.begin_request(key())
    run(move.copy())
    move.cut_over()
    with pytest.raises(Busy):
        other.begin_request(key())
    image = service.adapter.add(new_image(), [key()])
    with pytest.raises(DuplicateRequest) as raised:
        other.begin_request(key())
    assert raised.value.image.id == image.id


def test_who_dies_after_the_move_lets_go_of_its_keys(
    moving: MovingCatalogues, service: Process, move: CatalogueMove
) -> None:
    service.adapter.begin_request(key())
    run(move.copy())
    move.cut_over()
    service.kill()
    moving.start().adapter.begin_request(key())


def test_an_interrupted_move_is_begun_again_and_copies_nothing_twice(
    moving: MovingCatalogues, service: Process, move: CatalogueMove
) -> None:
    some = filled(service.adapter, 1100)
    steps = move.copy()
    assert next(steps) == 500
    steps.close()
    # Before a copy that was lost is made up for, one that was made changes.
    service.adapter.remove(sorted(each.id for each in some)[0])
    again = moving.start().database.move()
    run(again.copy())
    again.catch_up()
    run(again.compare())
    again.cut_over()
    assert move.done.images == 500
    assert again.done.images == 600 + 1
    assert again.done.compared == 1099
    assert len(all_of(in_postgres(moving))) == 1099


def test_what_differs_is_found_and_copied_again(
    moving: MovingCatalogues, service: Process, move: CatalogueMove
) -> None:
    some = filled(service.adapter)
    run(move.copy())
    stranger = in_postgres(moving)
    stranger.change(some[0].id, Changes(filename="other.jpg"))
    stranger.remove(some[1].id)
    stranger.add(new_image())
    run(move.compare())
    move.cut_over()
    assert all_of(service.adapter) == {image.id: image for image in some}


def test_who_writes_never_waits_long_the_end_is_tried_again(
    moving: MovingCatalogues,
    service: Process,
    move: CatalogueMove,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    filled(service.adapter)
    run(move.copy())
    caught_up = move.catch_up

    def lagging() -> None:
        caught_up()
        if next(times) < 2:
            filled(service.adapter)
        else:
            monkeypatch.undo()

    times = itertools.count()
    monkeypatch.setattr(move, "catch_up", lagging)
    monkeypatch.setattr("image_service.catalogue.move._WAIT_AT_MOST_S", -1.0)
    move.cut_over()
    assert next(times) == 3
    assert len(all_of(in_postgres(moving))) == 3 * 7


def test_with_other_counts_nothing_is_given_up(
    moving: MovingCatalogues, service: Process, move: CatalogueMove
) -> None:
    [image] = filled(service.adapter, 1)
    run(move.copy())
    moving.postgres.server.run("UPDATE count_slots SET files = files + 1", moving.postgres.name)
    with pytest.raises(MoveFailed, match="counts of both differ"):
        move.cut_over()
    assert not move.is_over()
    assert service.adapter.remove(image.id)
    assert not service.database.database.transactions.has_switched


def test_without_its_log_it_begins_again(
    moving: MovingCatalogues, service: Process, move: CatalogueMove, tmp_path: Path
) -> None:
    filled(service.adapter, 2)
    run(move.copy())
    with _connection(moving) as connection:
        move_log.end_log(connection)
        connection.commit()
    service.adapter.add(new_image())
    with pytest.raises(MoveFailed, match="begin again"):
        move.cut_over()
    run(move.copy())
    move.cut_over()
    assert len(all_of(in_postgres(moving))) == 3


def test_who_knows_nothing_of_the_move_is_named_and_can_change_nothing_afterwards(
    moving: MovingCatalogues, move: CatalogueMove, tmp_path: Path
) -> None:
    files = SqliteCatalogues(tmp_path)
    straggler = files.start()
    where = moving.start(is_counted=False).database
    assert where.stragglers() == [straggler.database.holder.id]
    [image] = filled(straggler.adapter, 1)
    run(move.copy())
    move.cut_over()
    for change in (
        lambda: straggler.adapter.add(new_image()),
        lambda: straggler.adapter.remove(image.id),
        lambda: straggler.adapter.change(image.id, Changes("b.jpg")),
        lambda: straggler.adapter.begin_request(key()),
    ):
        with pytest.raises(StorageUnavailable) as raised:
            change()
        assert raised.value.retryable
    assert all_of(in_postgres(moving)) == {image.id: image}
    files.stop()
    assert where.stragglers() == [straggler.database.holder.id]  # it lives
    straggler.kill()
    assert where.stragglers() == []


def test_nothing_is_refused_stale_or_lost_while_many_work(
    moving: MovingCatalogues, move: CatalogueMove
) -> None:
    processes = [moving.start().adapter for _ in range(2)]
    added: list[Image] = []
    removed: set[str] = set()
    failures: list[BaseException | str] = []
    is_over = threading.Event()
    numbers = itertools.count()

    def work(mine: Any, others: Any) -> None:
        while not is_over.is_set():
            try:
                image = mine.add(new_image(tags=("x",)), [key(f"k{next(numbers)}")])
                added.append(image)
                # What one was told, the other must know at once.
                if others.get(image.id) is None:
                    failures.append(f"{image.id} was not found")
                if len(added) % 3 == 0 and others.remove(image.id):
                    removed.add(image.id)
                    if mine.get(image.id) is not None:
                        failures.append(f"{image.id} was found")
            except (ImageServiceError, DuplicateRequest) as exc:
                failures.append(exc)

    pairs = [processes, processes[::-1]] * 2
    threads = [threading.Thread(target=work, args=pair) for pair in pairs]
    for each in threads:
        each.start()
    _wait_for(lambda: len(added) > 50)
    run(move.copy())
    move.catch_up()
    run(move.compare())
    move.cut_over()
    before = len(added)
    _wait_for(lambda: len(added) > before + 50)
    is_over.set()
    for each in threads:
        each.join()
    assert failures == []
    expected = {image.id for image in added} - removed
    assert set(all_of(in_postgres(moving))) == expected
    assert sum(total.files for total in processes[0].totals().values()) == len(expected)
    assert processes[1].page(ListQuery()).total == len(expected)


def test_a_move_that_was_given_up_leaves_nothing(
    moving: MovingCatalogues, service: Process, move: CatalogueMove, tmp_path: Path
) -> None:
    from image_service.databases import CatalogueDatabase
    from image_service.settings import Settings
    from image_service.storage import LeaseBook

    filled(service.adapter, 2)
    run(move.copy())
    leases = LeaseBook(moving.folder / "leases")
    settings = Settings(state_dir=moving.folder)
    database = CatalogueDatabase(settings, leases, leases.acquire(), lambda _: None)
    database.database.catalogue().prepare()
    with _connection(moving) as connection:
        assert not move_log.has_log(connection)
        names = connection.scalars(sa.text("SELECT name FROM sqlite_master"))
        assert not [name for name in names if "move" in name]
    move.copy().close()
    run(move.copy())
    move.cut_over()
    with pytest.raises(StorageUnavailable, match="has moved to PostgreSQL: set catalogue_url"):
        database.database.catalogue().prepare()


@contextlib.contextmanager
def _connection(moving: MovingCatalogues) -> Iterator[sa.Connection]:
    files = SqliteCatalogues(moving.folder.parent)
    engine = files.start().database.transactions.writer
    with engine.connect().execution_options(writes=True) as connection:
        yield connection
    files.stop()


def _wait_for(condition: Callable[[], bool]) -> None:
    from image_service.native import time

    deadline_s = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline_s, "waited in vain"
        time.sleep(0.01)
