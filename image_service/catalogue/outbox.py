"""The outbox: events in the transaction of the change that they tell of."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

import sqlalchemy as sa

from ..domain.events import Backlog, Cause, Event, EventType
from ..sight import calls
from .records import from_snapshot, to_row, to_snapshot
from .tables import images, outbox

MAX_SNAPSHOT_CHARACTERS = 64 * 1024
"""Of an image in the outbox as JSON; what is longer loses what its file says, then attributes."""

Tell = Callable[[sa.Connection, Mapping[str, Any]], None]
"""Writes an event. Args: the connection of the change, the image's row as to_row() makes it."""

Transact = Callable[[Callable[[sa.Connection], Any]], Any]
_INSERT = sa.insert(outbox)
_OF_IMAGE = outbox.c.image_id == sa.bindparam("of_image")
_WITHDRAW = sa.delete(outbox).where(_OF_IMAGE)
# By id, too: SQLite gives numbers anew once the last row is gone.
_FORGET = sa.delete(outbox).where(
    outbox.c.number == sa.bindparam("of_number"), outbox.c.id == sa.bindparam("of_id")
)
_FIRST = sa.select(outbox).order_by(outbox.c.number).limit(sa.bindparam("at_most"))
_OLDEST = sa.select(outbox.c.number, outbox.c.occurred_ms).order_by(outbox.c.number).limit(1)
_LAST = sa.select(sa.func.max(outbox.c.number))
_KNOWN = sa.select(images.c.id).where(images.c.id == sa.bindparam("of_image"))


class Announcer:
    """Writes events beside the changes of a catalogue; without a clock none."""

    def __init__(self, now_ms: Callable[[], int] | None = None) -> None:
        """Args: now_ms: Unix milliseconds."""
        self._now_ms = now_ms
        self.has_news = False
        """Set whenever a change was committed with an event; whoever looks at it takes it back."""

    def of(self, type_: EventType) -> Tell:
        """Return what writes an event of this type, as the current call's."""
        cause = current_cause()  # here: another thread may run the transaction

        def tell(connection: sa.Connection, row: Mapping[str, Any]) -> None:
            if self._now_ms:
                self._write(connection, type_, row, cause)

        return tell

    def withdraw(self, connection: sa.Connection, row: Mapping[str, Any] | None) -> None:
        """Take an upload's event back; where it is told already, tell of the end, too.

        Args: row: the image's, None where the catalogue does not have it.
        """
        if self._now_ms is None or row is None:
            return
        if not connection.execute(_WITHDRAW, {"of_image": row["id"]}).rowcount:
            self._write(connection, EventType.DELETED, row, current_cause())

    def forget(self, connection: sa.Connection, events: Collection[Event]) -> None:
        """See Outbox.forget."""
        for event in events:  # one by one: not every driver counts what many have found
            row = {"of_number": event.number, "of_id": event.id}
            is_gone = not connection.execute(_FORGET, row).rowcount
            if is_gone and self._is_withdrawn(connection, event):
                self._write(connection, EventType.DELETED, to_row(event.image), event.cause)

    def _is_withdrawn(self, connection: sa.Connection, event: Event) -> bool:
        """Tell whether an upload that was told has been taken back meanwhile."""
        if event.type is not EventType.UPLOADED or self._now_ms is None:
            return False
        return connection.execute(_KNOWN, {"of_image": event.image.id}).first() is None

    def committed(self) -> None:
        """Note that there is something to be told."""
        self.has_news = self._now_ms is not None

    def _write(
        self, connection: sa.Connection, type_: EventType, row: Mapping[str, Any], cause: Cause
    ) -> None:
        assert self._now_ms
        kept, is_partial = _kept(row)
        event = {
            "id": uuid.uuid4().hex,
            "type": type_.value,
            "image_id": row["id"],
            "occurred_ms": self._now_ms(),
            "call_id": cause.call_id,
            "traceparent": cause.traceparent,
            "image": kept,
            "is_partial": is_partial,
        }
        connection.execute(_INSERT, event)


def current_cause() -> Cause:
    """Return the current call as the cause of an event."""
    call = calls.current()
    if call is None:
        return Cause()
    return Cause(call.id, call.trace.traceparent if call.trace else "")


class SqlOutbox:
    """The Outbox of a catalogue."""

    def __init__(self, announcer: Announcer, read: Transact, write: Transact) -> None:
        """Args: read, write: run work in a transaction of the catalogue."""
        self._announcer = announcer
        self._read = read
        self._write = write

    def waiting(self, limit: int) -> list[Event]:
        """See Outbox.waiting."""
        found: list[Event] = self._read(partial(_waiting, limit=limit))
        return found

    def backlog(self) -> Backlog:
        """See Outbox.backlog."""
        found: Backlog = self._read(_backlog)
        return found

    def forget(self, events: Collection[Event]) -> None:
        """See Outbox.forget."""
        self._write(partial(self._announcer.forget, events=events))


def _waiting(connection: sa.Connection, limit: int) -> list[Event]:
    rows = connection.execute(_FIRST, {"at_most": limit})
    return [
        Event(
            row.number,
            row.id,
            EventType(row.type),
            from_snapshot(json.loads(row.image)),
            row.occurred_ms,
            Cause(row.call_id, row.traceparent),
            row.is_partial,
        )
        for row in rows
    ]


def _backlog(connection: sa.Connection) -> Backlog:
    first = connection.execute(_OLDEST).first()
    if first is None:
        return Backlog()
    return Backlog((connection.scalar(_LAST) or 0) - first.number + 1, first.occurred_ms)


def _kept(row: Mapping[str, Any]) -> tuple[str, bool]:
    """Return what is kept of an image, and whether that is not all."""
    snapshot = to_snapshot(row)
    text = whole = json.dumps(snapshot)
    for name in ("details", "attributes"):
        if len(text) > MAX_SNAPSHOT_CHARACTERS:
            snapshot[name] = _without_description(snapshot[name]) if name == "details" else {}
            text = json.dumps(snapshot)
    return text, text is not whole


def _without_description(details: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in details.items() if name != "description"}
