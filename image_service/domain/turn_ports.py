"""What one process does for all that share a store: who has the turn."""

from __future__ import annotations

from typing import Protocol


class Turn(Protocol):
    """The right to do something until it is ended, or the process dies."""

    def end(self) -> None:
        """Let others have it."""


class Turns(Protocol):
    """Gives each turn to one process at a time, and not again before its interval is over."""

    def take(self, name: str, *, every_s: float) -> Turn | None:
        """Return the turn of this name, or None where another process has it or had it lately.

        Args: name: a word; every_s: how often it comes, about; all processes give the same.
        Raises: StorageUnavailable.
        """
