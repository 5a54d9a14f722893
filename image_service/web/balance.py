"""Which of a machine's processes serve connections: as few as get on with them.

A process that is at work anyway needs less for the next request than one that has done nothing for
a while, and two take each other's code and data out of the cores' caches. So connections go to the
first process until it has more to do than it can; then it leaves new ones to others and, one after
the other, has clients connect again.
"""

from __future__ import annotations

import logging
import mmap
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ..mapped import make_room
from ..places import Place, is_spare
from ..sight.pace import INTERVAL_S

_log = logging.getLogger(__name__)

NEEDED_WORKER = "image_service.needed_worker"
"""The environ's entry of a request that an image worker was needed for."""

_FILE = "loads"
_SLOT = struct.Struct("=II")
_FILE_BYTES = 4096
# More than a process that gets on needs until it accepts a connection.
_PAUSE_S = 0.03
_MOST_PAUSES = 3
# A client that was to connect again has done so, and what it asks for is counted.
_SETTLED_S = 0.02
# Often enough to give away all connections there may be in INTERVAL_S.
_LOOKS_EVERY_S = 0.002
# One in so many of its connections a process gives away until it is looked again how it gets on.
_PART = 8


class Load(NamedTuple):
    """What a process has in hand.

    waiting: pictures that no image worker is free for. is_pressed: whether it has no time, or no
    room for connections, see Pressure and http_max_connections.
    """

    waiting: int
    is_pressed: bool

    @property
    def is_full(self) -> bool:
        """Whether another process had better take what comes next."""
        return self.is_pressed or self.waiting > 0


class Loads:
    """The loads of a supervisor's processes, in memory that they share."""

    def __init__(self, folder: Path, of: int) -> None:
        """Raises: OSError."""
        path = folder / _FILE
        make_room(path, _FILE_BYTES)
        with path.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), _FILE_BYTES)
        self._count = min(of, _FILE_BYTES // _SLOT.size)

    def tell(self, number: int, load: Load) -> None:
        """Say what a process has in hand."""
        if number < self._count:
            _SLOT.pack_into(self._shared, number * _SLOT.size, *load)

    def of_all(self) -> dict[int, Load]:
        """Return what each process has said, by its number."""
        slots = ((n, _SLOT.unpack_from(self._shared, n * _SLOT.size)) for n in range(self._count))
        return {number: Load(waiting, bool(pressed)) for number, (waiting, pressed) in slots}


class Balance:
    """One process's part in it."""

    def __init__(self, place: Place, load: Callable[[], Load]) -> None:
        """Args: load: tells what it has in hand."""
        self._place = place
        self._load = load
        self._is_spare = place.is_spare
        self._loads = None if place.is_alone else _loads_of(place)
        self._next_s = 0.0
        self._looks_s = 0.0
        self._told = Load(0, is_pressed=False)

    def tell(self) -> None:
        """Tell the others what this process has in hand."""
        if self._loads:
            self._tell(self._loads)

    def tell_less(self) -> None:
        """The same where that may have become less: an answer has ended."""
        if self._told.is_full:
            self.tell()

    def leave(self) -> None:
        """Tell nothing any more: another process has this one's place."""
        self._loads = None

    def pause_s(self) -> float:
        """Return how long to leave a connection to the processes that had better take it."""
        if not self._loads:
            return 0.0
        self.tell()
        # Of those that have enough to do none is better by its number.
        ranks = {
            number: (is_spare(number), load.is_pressed, load.waiting, number * (not load.is_full))
            for number, load in self._loads.of_all().items()
        }
        mine = ranks.get(self._place.number)
        better = sum(rank < mine for rank in ranks.values()) if mine else _MOST_PAUSES
        return _PAUSE_S * min(better, _MOST_PAUSES)

    def gives_away(self, connections: int, *, needed_worker: bool) -> bool:
        """Tell whether a client had better connect again: another process has less to do.

        Args:
            connections: how many this process has.
            needed_worker: for what the client asked; who did not does not mind that pictures wait.
        """
        if not self._loads or not (needed_worker or self._is_due()):
            return False
        load = self._tell(self._loads)
        is_pressed = load.is_pressed or self._is_spare
        waiting = load.waiting if needed_worker else 0
        if not (is_pressed or waiting) or time.monotonic() < self._next_s:
            return False
        is_welcome = any(
            not other.is_pressed and (is_pressed or other.waiting < waiting)
            for number, other in self._loads.of_all().items()
            if number != self._place.number and not is_spare(number)
        )
        if is_welcome:
            pause_s = INTERVAL_S / max(1, connections // _PART) if is_pressed else _SETTLED_S
            self._next_s = time.monotonic() + pause_s
        return is_welcome

    def _tell(self, loads: Loads) -> Load:
        self._told = self._load()
        loads.tell(self._place.number, self._told)
        return self._told

    def _is_due(self) -> bool:
        """Tell whether to look again: an answer of 0.2 ms is not worth a look of its own."""
        now_s = time.monotonic()
        if now_s < self._looks_s:
            return False
        self._looks_s = now_s + _LOOKS_EVERY_S
        return True


def _loads_of(place: Place) -> Loads | None:
    try:
        return Loads(Path(place.folder), place.of)
    except OSError as exc:
        _log.warning("connections go to whichever process is first: %s", exc.strerror)
        return None
