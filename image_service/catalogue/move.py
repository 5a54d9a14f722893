"""Moving a catalogue from SQLite to PostgreSQL while services go on working with it.

1. Changes are noted (move_log.py), and everything is copied.
2. What was noted is copied again, round by round, each of which leaves less for the next.
3. Both are compared, row by row.
4. With the lock of the one writer held: the rest is copied, counts are compared, and the file is
   given up. Services find that within their next transaction (switching.py).

It may end at any instant and be begun again. Nothing is deleted in the file but notes.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from ..native import time
from . import move_log
from .move_log import Kind, Noted
from .move_parts import IMAGES, PARTS, ROWS_AT_ONCE, Part, Row, counts, read_rest, replace_rest
from .tables import images
from .transactions import Transactions

_MOST_ROUNDS = 100
# What is left after a round this short, or of so few, is copied as fast while all who write wait.
_SHORT_ROUND_S = 0.1
_FEW = 20
_WAIT_AT_MOST_S = 1.0
_CUTS = 20
_MENDED_AT_ONCE = 20
_COUNT = sa.select(sa.func.count()).select_from(images)

_TOO_MANY = "more changes came than could be copied: try again when less is uploaded and deleted"

Taken = dict[Kind, tuple[list[str], list[Row]]]
"""Of each kind keys that were noted, and the rows that the file has of them."""


class MoveFailed(Exception):
    """Raised when a catalogue cannot move: MoveFailed(why). Services go on with the file."""


class _TooLong(Exception):
    """Raised where all who write would have to wait for too long; nothing is done then."""


@dataclass
class MoveProgress:
    """What a move did so far.

    images, requests: rows that were copied: not there before, or not the same. compared: images.
    """

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
        return self._source.read(move_log.has_moved)

    def total_images(self) -> int:
        """Return how many images there are, in the trash, too."""
        return self._source.read(lambda connection: connection.scalar(_COUNT) or 0)

    def copy(self) -> Iterator[int]:
        """Copy what is not there; yield how many images were looked at, each time."""
        self._source.write(move_log.begin_log)
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
            begun_s = time.monotonic()
            left = self._source.read(_count_noted)
            for _ in range(0, left, ROWS_AT_ONCE):
                notes = self._source.read(functools.partial(move_log.noted, at_most=ROWS_AT_ONCE))
                # What it has of them now, which may be newer than the notes.
                self._put(self._source.read(functools.partial(_take, notes=notes)))
                self._source.write(functools.partial(move_log.forget, notes=notes))
            if left <= _FEW or time.monotonic() - begun_s < _SHORT_ROUND_S:
                return
        raise MoveFailed(_TOO_MANY)

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

    def cut_over(self) -> float:
        """Have the target take the file's place, while all who write wait.

        Returns: for how many seconds.
        Raises: MoveFailed; StorageFull; StorageUnavailable: then the file is in use as before.
        """
        for _ in range(_CUTS):
            self.catch_up()
            with contextlib.suppress(_TooLong):
                begun_s: float = self._source.write(self._cut_over)
                return time.monotonic() - begun_s
        raise MoveFailed(_TOO_MANY)

    def _cut_over(self, connection: sa.Connection) -> float:
        begun_s = time.monotonic()
        _check_log(connection)
        while notes := move_log.noted(connection, _MENDED_AT_ONCE):
            if time.monotonic() - begun_s > _WAIT_AT_MOST_S:
                raise _TooLong
            self._put(_take(connection, notes))
            move_log.forget(connection, notes)
        rest, counted = read_rest(connection), counts(connection)

        def finish(target: sa.Connection) -> None:
            replace_rest(target, rest)  # of an earlier try, which nobody has used
            if counts(target) != counted:
                raise MoveFailed("the counts of both differ: look what `verify` says of them")

        self._target.write(finish)
        # The target's commit came first: where this one fails, all of it is done again.
        move_log.give_up(connection)
        return begun_s

    def _mend(self, part: Part, keys: set[str]) -> None:
        """Copy once more what seems to differ. Raises: MoveFailed where it still does."""

        def look(connection: sa.Connection, some: list[str]) -> set[str]:
            # Under the writers' lock: nothing changes between the looks at the one and the other.
            rows = part.these(connection, some)
            self._put({part.kind: (some, rows)})
            return part.differing(rows, self._target.read(functools.partial(part.these, keys=some)))

        ordered = sorted(keys)
        for start in range(0, len(ordered), _MENDED_AT_ONCE):
            some = ordered[start : start + _MENDED_AT_ONCE]
            if differing := self._source.write(functools.partial(look, some=some)):
                told = ", ".join(sorted(differing)[:3])
                raise MoveFailed(f"{part.kind.value}s that differ in both, copied twice: {told}")

    def _put(self, taken: Taken) -> None:
        def work(connection: sa.Connection) -> dict[Kind, int]:
            return {kind: PARTS[kind].put(connection, *rows) for kind, rows in taken.items()}

        copied = self._target.write(work)
        self.done.images += copied.get(Kind.IMAGE, 0)
        self.done.requests += copied.get(Kind.REQUEST, 0)


def _count_noted(connection: sa.Connection) -> int:
    _check_log(connection)
    return move_log.count_noted(connection)


def _check_log(connection: sa.Connection) -> None:
    if not move_log.has_log(connection):
        raise MoveFailed("changes were not noted any more: begin again")


def _take(connection: sa.Connection, notes: Sequence[Noted]) -> Taken:
    taken = {}
    for kind, part in PARTS.items():
        keys = [each.key for each in notes if each.kind is kind]
        if keys:
            taken[kind] = (keys, part.these(connection, keys))
    return taken
