"""Moving a catalogue from SQLite to PostgreSQL while services go on working with it.

1. Changes are noted (moved.py), and everything is copied.
2. What was noted is copied again, round by round, each of which leaves less for the next.
3. Both are compared, row by row.
4. With the lock of the one writer held: the rest is copied, counts are compared, and the file is
   given up. Services find that within their next transaction (switching.py).

It may end at any instant and be begun again. Nothing is deleted in the file but notes.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from . import moved
from .move_parts import IMAGES, PARTS, ROWS_AT_ONCE, Part, Row, counts, read_rest, replace_rest
from .moved import Kind, Noted
from .tables import images
from .transactions import Transactions

_FEW = 50
_MOST_ROUNDS = 50
_COUNT = sa.select(sa.func.count()).select_from(images)

Taken = dict[Kind, tuple[list[str], list[Row]]]
"""Of each kind keys that were noted, and the rows that the file has of them."""


class MoveFailed(Exception):
    """Raised when a catalogue cannot move: MoveFailed(why). Services go on with the file."""


@dataclass
class MoveProgress:
    """What a move did so far. copied: rows that were not there, or not the same, by kind."""

    images: int = 0
    requests: int = 0
    compared: int = 0


class CatalogueMove:
    """One move, to be followed while it goes on."""

    def __init__(self, source: Transactions, target: Transactions) -> None:
        """Args: source: of the SQLite file; target: of the PostgreSQL; both prepared."""
        self._source = source
        self._target = target
        self.done = MoveProgress()

    def is_over(self) -> bool:
        """Tell whether the file has been given up."""
        return self._source.read(moved.has_moved)

    def total_images(self) -> int:
        """Return how many images there are, in the trash, too."""
        return self._source.read(lambda connection: connection.scalar(_COUNT) or 0)

    def copy(self) -> Iterator[int]:
        """Copy what is not there; yield how many images were looked at, each time."""
        self._source.write(moved.begin_log)
        for part in PARTS.values():
            after = ""
            while rows := self._source.read(functools.partial(part.page, after=after)):
                keys = [part.key_of(row) for row in rows]
                self._put({part.kind: (keys, rows)})
                if part is IMAGES:
                    yield len(rows)
                after = keys[-1]

    def catch_up(self) -> None:
        """Copy what has changed, until next to nothing is left. Raises: MoveFailed."""
        for _ in range(_MOST_ROUNDS):
            left = self._source.read(moved.count_noted)
            for _ in range(0, left, ROWS_AT_ONCE):
                notes = self._source.read(functools.partial(moved.noted, at_most=ROWS_AT_ONCE))
                # What it has of them now, which may be newer than the notes.
                self._put(self._source.read(functools.partial(_take, notes=notes)))
                self._source.write(functools.partial(moved.forget, notes=notes))
            if left <= _FEW:
                return
        raise MoveFailed(
            "more changes came than could be copied: try again when less is uploaded and deleted"
        )

    def compare(self) -> Iterator[int]:
        """Compare both row by row, and copy what differs; yield how many images, each time.

        Raises: MoveFailed where something differs still.
        """
        for part in PARTS.values():
            after, is_over = "", False
            while not is_over:
                here = self._source.read(functools.partial(part.page, after=after))
                there = self._target.read(functools.partial(part.beside, page=here, after=after))
                self._mend(part, part.differing(here, there))
                if part is IMAGES:
                    self.done.compared += len(here)
                    yield len(here)
                is_over = len(here) < ROWS_AT_ONCE
                after = "" if is_over else part.key_of(here[-1])

    def cut_over(self) -> None:
        """Have the target take the file's place, while all who write wait.

        Raises: MoveFailed; StorageFull; StorageUnavailable: then the file is in use as before.
        """
        self._source.write(self._cut_over)

    def _cut_over(self, connection: sa.Connection) -> None:
        if not moved.has_log(connection):
            raise MoveFailed("changes were not noted any more: begin again")
        while notes := moved.noted(connection, ROWS_AT_ONCE):
            self._put(_take(connection, notes))
            moved.forget(connection, notes)
        rest, counted = read_rest(connection), counts(connection)

        def finish(target: sa.Connection) -> None:
            replace_rest(target, rest)  # of an earlier try, which nobody has used
            if counts(target) != counted:
                raise MoveFailed("the counts of both differ: look what `verify` says of them")

        self._target.write(finish)
        # The target's commit came first: where this one fails, all of it is done again.
        moved.give_up(connection)

    def _mend(self, part: Part, keys: set[str]) -> None:
        """Copy once more what seems to differ. Raises: MoveFailed where it still does."""
        if not keys:
            return

        def look(connection: sa.Connection) -> set[str]:
            # Under the writers' lock: nothing changes between the looks at the one and the other.
            rows = part.these(connection, keys)
            self._put({part.kind: (list(keys), rows)})
            return part.differing(rows, self._target.read(functools.partial(part.these, keys=keys)))

        if differing := self._source.write(look):
            some = ", ".join(sorted(differing)[:3])
            raise MoveFailed(f"{len(differing)} {part.kind.value}(s) differ in both: {some}")

    def _put(self, taken: Taken) -> None:
        def work(connection: sa.Connection) -> dict[Kind, int]:
            return {kind: PARTS[kind].put(connection, *rows) for kind, rows in taken.items()}

        copied = self._target.write(work)
        self.done.images += copied.get(Kind.IMAGE, 0)
        self.done.requests += copied.get(Kind.REQUEST, 0)


def _take(connection: sa.Connection, notes: Sequence[Noted]) -> Taken:
    taken = {}
    for kind, part in PARTS.items():
        keys = [each.key for each in notes if each.kind is kind]
        if keys:
            taken[kind] = (keys, part.these(connection, keys))
    return taken
