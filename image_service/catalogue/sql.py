"""The catalogue in SQL: images and totals, each method one transaction."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Collection, Mapping
from typing import Any, TypeVar

import sqlalchemy as sa

from ..domain.events import EventType
from ..domain.formats import Format
from ..domain.image import Blob, Changes, Image, blob_name
from ..domain.listing import ListQuery
from ..domain.ports import Condition, FormatTotals, RequestKey
from ..domain.quota import Quotas, Used
from ..errors import StorageFull
from . import changes as image_changes
from . import in_flight, moves, requests, slots, turns
from .clock import now_ms
from .counts import read_totals
from .digests import find_digests
from .holders import NOBODY, Holder
from .journal import SqlJournal
from .listings import SqlListings
from .outbox import Announcer, SqlOutbox
from .owners import hold_quotas, used, used_beside
from .pages import count_all
from .records import from_row, to_row, to_snapshot
from .reserve import Reserve
from .similar import find_similar
from .tables import images, listed
from .together import Work
from .transactions import Transactions

T = TypeVar("T")
_BY_ID = sa.select(images).where(images.c.id == sa.bindparam("image_id"))
_TO_CHANGE = _BY_ID.with_for_update()
_LIVE = images.c.deleted_ms.is_(None)
_NOW = sa.select(now_ms())
_OLDEST_EQUAL = (
    sa.select(images.c.id)
    .where(images.c.sha256 == sa.bindparam("digest"))
    .where(_LIVE)
    .order_by(images.c.created_ms)
    .limit(1)
)
_WALK = (
    sa.select(
        images.c.id,
        images.c.format,
        images.c.size_bytes,
        images.c.sha256,
        images.c.deleted_ms.is_not(None),
        images.c.block_digests.is_not(None),
    )
    .where(images.c.id > sa.bindparam("after_id"))
    .order_by(images.c.id)
    .limit(sa.bindparam("at_most"))
)


class SqlCatalogue(SqlListings):
    """A Catalogue in a database. Its methods block: see `off_hub.OffHub`."""

    def __init__(
        self,
        transactions: Transactions,
        *,
        holder: Holder = NOBODY,
        reserve: Reserve | None = None,
        journal: SqlJournal | None = None,
        events: Announcer | None = None,
    ) -> None:
        """Args:
        holder: the lease of this process.
        reserve: room for deletions on a full disk.
        journal: where the store notes names; images are added only while theirs is in it.
        events: writes the events of changes.
        """
        super().__init__(transactions.read)
        self.transactions = transactions
        self._write = transactions.write
        self._events = events or Announcer()
        self.outbox = SqlOutbox(self._events, self._read, self._write_on_full_disk)
        self._holder = holder
        self._reserve = reserve
        self._journal = journal

    def prepare(self) -> None:
        """Make the database and its tables where they are missing, and take the lease."""
        self.transactions.prepare()
        self._holder.begin()
        self.keep_room()

    def keep_room(self) -> None:
        """Take room for deletions on a full disk, where there is any."""
        if self._reserve:
            self._reserve.fill()

    def close(self) -> None:
        """Give the lease up and close every connection."""
        self._holder.end()
        self.transactions.close()

    def add(
        self, image: Image, asked: Collection[RequestKey] = (), quotas: Quotas | None = None
    ) -> Image:
        """See Catalogue.add."""
        tell = self._events.of(EventType.UPLOADED)

        def work(connection: sa.Connection) -> Image:
            oldest = connection.scalar(_OLDEST_EQUAL, {"digest": image.sha256})
            added = dataclasses.replace(image, duplicate_of=oldest) if oldest else image
            row = to_row(added)
            self._finish(connection, asked, row)
            self._holder.check(connection)
            if self._journal:
                self._journal.end_within(connection, image.blob_name)
            moves.insert(connection, added, row)
            tell(connection, row)
            if quotas:
                # In the transaction that holds the locks: nobody can take the room meanwhile. And
                # last of all: while one on a slow line holds them all others wait for it.
                hold_quotas(connection, quotas, added.owner)
                quotas.check(used_beside(connection, added), added.owner, added.size_bytes)
            return added

        added = self._announced(self._write(work))
        if self._journal:
            self._journal.told(image.blob_name)
        return added

    def put_back(self, image: Image) -> None:
        """See Catalogue.put_back."""

        def work(connection: sa.Connection) -> None:
            self._holder.check(connection)
            if self._journal:  # its bytes are there, and nobody is about to clear them up
                self._journal.check(connection, image.blob_name)
            moves.insert(connection, image, to_row(image))

        self._write(work)

    def get(self, image_id: str, *, trashed: bool | None = False) -> Image | None:
        """See Catalogue.get."""
        image = self._read(functools.partial(_find, image_id=image_id))
        return image if image and trashed in (None, image.deleted_ms is not None) else None

    def remove(
        self, image_id: str, request: RequestKey | None = None, *, only_if: Condition | None = None
    ) -> Image | None:
        """See Catalogue.remove."""
        tell = self._events.of(EventType.DELETED)

        def work(connection: sa.Connection) -> Image | None:
            image = _find(connection, image_id, to_change=True)
            if image and self._journal:
                self._journal.check(connection, image.blob_name)
            if image and only_if and not only_if(image):
                return None
            if image is None:
                if request:
                    requests.raise_if_done(connection, request)
                return None
            moves.delete(connection, image)
            row = to_row(image)
            self._finish(connection, [request] if request else [], row)
            if image.deleted_ms is None:  # else it was told when it went into the trash
                tell(connection, row)
            return image

        return self._announced(self._write_on_full_disk(work))

    def change(
        self, image_id: str, changes: Changes, request: RequestKey | None = None
    ) -> Image | None:
        """See Catalogue.change."""
        tell = self._events.of(EventType.UPDATED)

        def work(connection: sa.Connection) -> Image | None:
            if request:
                requests.raise_if_done(connection, request)
            image = _find(connection, image_id, to_change=True)
            if image is None or image.deleted_ms is not None:
                return None
            changed = image_changes.change(connection, image, changes)
            row = to_row(changed)
            self._finish(connection, [request] if request else [], row)
            if changed != image:
                tell(connection, row)
            return changed

        return self._announced(self._write(work))

    def trash(
        self,
        image_id: str,
        deleted_ms: int,
        request: RequestKey | None = None,
        *,
        only_if: Condition | None = None,
    ) -> Image | None:
        """See Catalogue.trash."""
        tell = self._events.of(EventType.DELETED)

        def work(connection: sa.Connection) -> Image | None:
            image = _find(connection, image_id, to_change=True)
            if image and only_if and not only_if(image):
                return None
            if image is None or image.deleted_ms is not None:
                if request:
                    requests.raise_if_done(connection, request)
                return None
            trashed = moves.moved(connection, image, deleted_ms)
            row = to_row(trashed)
            self._finish(connection, [request] if request else [], row)
            tell(connection, row)
            return trashed

        return self._announced(self._write_on_full_disk(work))

    def restore(self, image_id: str, request: RequestKey | None = None) -> Image | None:
        """See Catalogue.restore."""
        tell = self._events.of(EventType.RESTORED)

        def work(connection: sa.Connection) -> Image | None:
            if request:
                requests.raise_if_done(connection, request)
            image = _find(connection, image_id, to_change=True)
            if image is None or image.deleted_ms is None:
                return None
            restored = moves.moved(connection, image, None)
            row = to_row(restored)
            self._finish(connection, [request] if request else [], row)
            tell(connection, row)
            return restored

        return self._announced(self._write_on_full_disk(work))

    def trashed_before(self, moment_ms: int, limit: int) -> list[Image]:
        """See Catalogue.trashed_before."""
        old = (
            sa.select(*listed)
            .where(images.c.deleted_ms.is_not(None), images.c.deleted_ms < moment_ms)
            .order_by(images.c.deleted_ms, images.c.id)
            .limit(limit)
        )
        return self._read(functools.partial(_images, statement=old))

    def withdraw(self, image: Image, asked: Collection[RequestKey] = ()) -> bool:
        """See Catalogue.withdraw."""

        def work(connection: sa.Connection) -> bool:
            in_flight.wait_for(connection, to_row(image))
            may_be_vouched_for = requests.may_be_vouched_for(connection, image.id, asked)
            added = _find(connection, image.id, to_change=True)
            if may_be_vouched_for:
                return added is None  # never committed, or removed since
            if added:
                moves.delete(connection, image)
                if self._journal:  # its bytes are still to be removed, whatever becomes of us
                    self._journal.begin_within(connection, image.blob_name)
            self._events.withdraw(connection, to_row(added) if added else None)
            requests.forget_image(connection, image.id)
            return True

        return self._write_on_full_disk(work)

    def vouch_for(self, image_id: str) -> bool:
        """See Catalogue.vouch_for."""
        return self._write_on_full_disk(functools.partial(requests.vouch_for, image_ids=[image_id]))

    def vouch_for_all(self, image_ids: Collection[str]) -> set[str]:
        """See Catalogue.vouch_for_all."""
        if new := self._read(functools.partial(requests.not_vouched_for, image_ids=image_ids)):
            self._write_on_full_disk(functools.partial(requests.vouch_for, image_ids=new))
        return self.known(image_ids)

    def find_similar(self, image: Image, *, max_distance: int, limit: int) -> list[Image]:
        """See Catalogue.find_similar."""
        return self._read(
            functools.partial(find_similar, image=image, max_distance=max_distance, limit=limit)
        )

    def find_digests(self, digests: Collection[bytes]) -> dict[bytes, str]:
        """See Catalogue.find_digests."""
        return self._read(functools.partial(find_digests, digests=digests))

    def now_ms(self) -> int:
        """See Catalogue.now_ms."""
        return self._read(lambda connection: connection.scalars(_NOW).one())

    def totals(self) -> Mapping[Format, FormatTotals]:
        """See Catalogue.totals."""

        return self._read(read_totals)

    def used(self, owner: str = "") -> Used:
        """See Catalogue.used."""
        return self._read(functools.partial(used, owner=owner))

    def set_block_digests(self, image_id: str, digests: bytes) -> None:
        """See Catalogue.set_block_digests."""
        update = sa.update(images).where(images.c.id == image_id).values(block_digests=digests)
        self._write(lambda connection: connection.execute(update))

    def trashed_names(self) -> set[str]:
        """See Catalogue.trashed_names."""
        found = sa.select(images.c.id, images.c.format).where(images.c.deleted_ms.is_not(None))
        return self._read(
            lambda connection: {
                blob_name(image_id, Format(format_))
                for image_id, format_ in connection.execute(found)
            }
        )

    def walk(self, after_id: str, limit: int) -> list[Blob]:
        """See Catalogue.walk."""

        def work(connection: sa.Connection) -> list[Blob]:
            rows = connection.execute(_WALK, {"after_id": after_id, "at_most": limit})
            return [
                Blob(image_id, blob_name(image_id, Format(format_)), *told, *map(bool, flags))
                for image_id, format_, *told, flags in ((*row[:4], row[4:]) for row in rows)
            ]

        return self._read(work)

    def known(self, image_ids: Collection[str], *, for_good: bool = False) -> set[str]:
        """See Catalogue.known."""
        if for_good:
            return self._write(functools.partial(in_flight.left_of, ids=list(image_ids)))
        return self._read(functools.partial(moves.among, ids=list(image_ids)))

    def trashed(self, image_ids: Collection[str]) -> set[str]:
        """See Catalogue.trashed."""
        return self._read(functools.partial(moves.among, ids=list(image_ids), condition=~_LIVE))

    def find_request(self, request: RequestKey) -> Image | None:
        """See Catalogue.find_request."""
        return self._read(functools.partial(requests.find, request=request))

    def begin_request(self, request: RequestKey, *, takes_over: bool = False) -> None:
        """See Catalogue.begin_request."""

        def work(connection: sa.Connection) -> None:
            self._holder.check(connection)
            keeps = functools.partial(self._holder.is_alive, connection)
            is_kept = (lambda _: False) if takes_over else keeps
            requests.begin(connection, request, holder=self._holder.id, is_kept=is_kept)

        self._write(work)

    def abandon_request(self, request: RequestKey) -> None:
        """See Catalogue.abandon_request."""
        self._write(functools.partial(requests.abandon, request=request, holder=self._holder.id))

    def forget_requests(self, before_ms: int) -> int:
        """See Catalogue.forget_requests."""
        return self._write(functools.partial(requests.forget_before, before_ms=before_ms))

    def tidy(self) -> None:
        """See Catalogue.tidy."""
        if slots.are_used(self.transactions.writer):
            self._write(slots.fold)
            self._write(turns.forget_old)

    def check(self) -> None:
        """See Catalogue.check."""
        self._read(functools.partial(count_all, query=ListQuery()))

    def _announced(self, result: T) -> T:
        """Have what was written with a change told at once."""
        self._events.committed()
        return result

    def _finish(
        self, connection: sa.Connection, asked: Collection[RequestKey], row: dict[str, Any]
    ) -> None:
        if asked:
            snapshot = to_snapshot(row)
            for request in asked:
                requests.finish(connection, request, row["id"], snapshot, holder=self._holder.id)

    def _write_on_full_disk(self, work: Work[T]) -> T:
        """Write what makes room, or puts things right, also where there is none left."""
        try:
            return self._write(work)
        except StorageFull:
            if not self._reserve or not self._reserve.release():
                raise
            return self._write(work)


def _images(connection: sa.Connection, statement: sa.Select[Any]) -> list[Image]:
    return [from_row(dict(row)) for row in connection.execute(statement).mappings()]


def _find(connection: sa.Connection, image_id: str, *, to_change: bool = False) -> Image | None:
    statement = _TO_CHANGE if to_change else _BY_ID
    row = connection.execute(statement, {"image_id": image_id}).mappings().first()
    return None if row is None else from_row(dict(row))
