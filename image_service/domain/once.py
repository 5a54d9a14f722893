"""Work that is done by one process at a time, of all that share a catalogue."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol


class Turns(Protocol):
    """Who does some work at the moment."""

    def take(self, name: str, ttl_s: float) -> AbstractContextManager[bool]:
        """Have a turn for the length of a `with` block, and for ttl_s after it.

        Where the process dies the next one has it once ttl_s have passed.
        Yields: False if another one has it. Raises: StorageUnavailable.
        """

    def leave(self, name: str) -> None:
        """Leave a turn to others at once; where the database is away, once its time is over."""

    def give_up(self) -> None:
        """Leave every turn of this process to others at once."""
