"""A Journal for two stores that have the same blobs: a name is forgotten once both agree.

What a dead process has noted may be half done in either of them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from ..domain.ports import Journal
from ..native import threading

_LOCKS = 64


class JointJournal:
    """One journal, of which each store has a share."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self._shares: dict[str, set[Share]] = {}
        # Held while the journal is told of a name, so that it agrees with the shares.
        self._turns = [threading.Lock() for _ in range(_LOCKS)]
        self._sweep = threading.local()

    def share(self) -> Share:
        """Return what one more store takes for its journal."""
        return Share(self)

    @contextlib.contextmanager
    def kept(self, again: Callable[[str], object]) -> Iterator[None]:
        """Keep what this thread ends meanwhile, until both stores have swept it.

        Args: again: told of each such name where one of them fails: both have to look once more.
        """
        self._sweep.ended = ended = set[str]()
        try:
            yield
        except BaseException:
            for name in ended:
                again(name)
            raise
        finally:
            self._sweep.ended = None
        for name in ended:
            with self._turn(name):
                if name not in self._shares:
                    self.journal.end(name)

    def begin(self, share: Share, name: str) -> None:
        """Note a name for one share."""
        with self._turn(name):
            self._shares.setdefault(name, set()).add(share)
            self.journal.begin(name)

    def begin_if_new(self, share: Share, name: str) -> None:
        """Note a name that no share has noted."""
        with self._turn(name):
            if name not in self._shares:
                self._shares[name] = {share}
                self.journal.begin(name)

    def end(self, share: Share, name: str) -> None:
        """Forget a name for one share, and in the journal with the last one."""
        with self._turn(name):
            shares = self._shares.get(name, set())
            shares.discard(share)
            if shares:
                return
            self._shares.pop(name, None)
            ended: set[str] | None = getattr(self._sweep, "ended", None)
            if ended is None:
                self.journal.end(name)
            else:
                ended.add(name)

    def leave(self, share: Share, name: str) -> None:
        """Forget one share in a name, which stays noted."""
        with self._turn(name):
            shares = self._shares.get(name, set())
            shares.discard(share)
            if not shares:
                self._shares.pop(name, None)

    def _turn(self, name: str) -> threading.Lock:
        return self._turns[hash(name) % _LOCKS]


class Share:
    """A store's share in a JointJournal: a Journal."""

    def __init__(self, joint: JointJournal) -> None:
        self._joint = joint

    def begin(self, name: str) -> None:
        """See Journal.begin."""
        self._joint.begin(self, name)

    def begin_if_new(self, name: str) -> None:
        """Note a name unless it is noted in another share."""
        self._joint.begin_if_new(self, name)

    def end(self, name: str) -> None:
        """See Journal.end."""
        self._joint.end(self, name)

    def leave(self, name: str) -> None:
        """Have nothing to do with a name any more, which stays noted."""
        self._joint.leave(self, name)

    def left_over(self) -> list[str]:
        """See Journal.left_over."""
        return self._joint.journal.left_over()

    def noted(self) -> set[str]:
        """See Journal.noted."""
        return self._joint.journal.noted()
