"""Originals in two places, while they move from one to the other.

Every image that is there is in one of them at least, and is read where it is found; what is done to
it is done in both. Where new ones are stored, and where they are looked for first, follows how far
the move is: see move.py. Each place notes for itself what is under way, and resolves what dead
processes left there as the catalogue says.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import Callable, Collection, Iterator
from typing import BinaryIO, cast

from ..domain.image import image_id_of
from ..domain.movable_store import MovableStore
from ..domain.ports import IdsAmong, no_ids
from ..errors import ImageServiceError, StorageUnavailable
from .joint_journal import JointJournal
from .move import Move
from .pair_file import PairFile

_NAMES_AT_ONCE = 1000


class PairStore:
    """A BlobStore of two, the main one and that which originals are moved from.

    Its methods block: see `off_hub.OffHub`.
    """

    def __init__(
        self,
        main: MovableStore,
        second: MovableStore,
        move: Move,
        journal: JointJournal | None = None,
        *,
        notes_all: bool = False,
    ) -> None:
        """Args:
        move: how far it is; its places are those of main and second.
        journal: that in which they note what is under way, where one of them does.
        notes_all: whether names must be in the journal wherever they are stored, for the
            catalogue asks for them there.
        """
        self.main, self.second, self.move = main, second, move
        self._both = (main, second)
        self._by_place = dict(zip(move.places, self._both, strict=True))
        self._journal = journal
        self._share = journal.share() if journal and notes_all else None
        # By name, in which of them it waits to be settled.
        self._held: dict[str, list[MovableStore]] = {}

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing is being written or removed."""
        return all(store.is_at_rest for store in self._both)

    def prepare(self) -> None:
        """Make what is missing. Raises: StorageFull, StorageUnavailable."""
        # Marks of the machine are of both: what the one that has everything says stands.
        for store in reversed(self._in_order()):
            store.prepare()

    def put(self, name: str, data: bytes, label: bytes = b"", *, is_known: bool = False) -> bytes:
        """See BlobStore.put."""
        held: list[MovableStore] = []
        digest = b""
        try:
            # Looked at again: the move may have gone on meanwhile.
            while (wanted := self._written()) != held:
                for store in [store for store in held if store not in wanted]:
                    held.remove(store)
                    _discard(store, name)
                for store in [store for store in wanted if store not in held]:
                    digest = store.put(name, data, label, is_known=is_known)
                    held.append(store)
                held.sort(key=self._both.index)
            if self._share:
                self._share.begin_if_new(name)
        except BaseException:
            for store in held:
                _discard(store, name)
            raise
        self._held[name] = held
        return digest

    def label(self, name: str) -> bytes:
        """See BlobStore.label."""
        first, other = self._in_order()
        return first.label(name) or other.label(name)

    def relabel(self, name: str, label: bytes) -> None:
        """See BlobStore.relabel."""
        self._in_both(lambda store: store.relabel(name, label))

    def settle(self, name: str) -> None:
        """See BlobStore.settle."""
        held = self._held.pop(name, None)
        if held is None:
            raise StorageUnavailable("an original that nobody is at work on")
        for store in held:
            store.settle(name)
        if self._share:
            self._share.end(name)

    def doubt(self, name: str) -> bool:
        """See BlobStore.doubt."""
        held = self._held.setdefault(name, [])
        for store in self._both:
            if store.doubt(name):
                held.append(store)
            else:
                store.abandon(name)
        return bool(held)

    def remove(self, name: str) -> None:
        """See BlobStore.remove."""
        self._held.pop(name, None)
        self._in_both(lambda store: store.remove(name))
        if self._share:
            self._share.end(name)

    def abandon(self, name: str) -> None:
        """See BlobStore.abandon."""
        self._held.pop(name, None)
        for store in self._both:
            store.abandon(name)
        if self._share:
            self._share.leave(name)

    def open(self, name: str) -> BinaryIO:
        """See BlobStore.open."""
        first, other = self._in_order()
        try:
            return _opened(name, first, other)
        except StorageUnavailable as exc:
            try:
                return other.open(name)
            except (FileNotFoundError, StorageUnavailable):
                raise exc from None
        except FileNotFoundError:
            with contextlib.suppress(FileNotFoundError):
                return _opened(name, other, first)
            # It may have been taken from the one to the other between the looks.
            return first.open(name)

    def is_archived(self, name: str) -> bool:
        """See BlobStore.is_archived."""
        return self._in_order()[0].is_archived(name)

    def put_away(
        self, name: str, sha256: bytes, took: Callable[[int], None] = lambda _: None
    ) -> bool | None:
        """See BlobStore.put_away."""
        first, other = self._in_order()
        is_sound = first.put_away(name, sha256, took)
        if is_sound:
            other.put_away(name, sha256)
        return is_sound

    def bring_back(self, name: str, sha256: bytes) -> None:
        """See BlobStore.bring_back."""
        self._in_both(lambda store: store.bring_back(name, sha256))

    def tidy_archive(self) -> int:
        """See BlobStore.tidy_archive."""
        return sum(store.tidy_archive() for store in self._both)

    def arrived_ms(self, name: str) -> int:
        """See BlobStore.arrived_ms."""
        return self._in_order()[0].arrived_ms(name)

    def is_settled(self, name: str) -> bool:
        """See BlobStore.is_settled. The place that has everything knows."""
        return self._in_order()[0].is_settled(name)

    def shelve(self, name: str) -> None:
        """See BlobStore.shelve."""
        self._in_both(lambda store: store.shelve(name))

    def unshelve(self, name: str) -> None:
        """See BlobStore.unshelve."""
        self._in_both(lambda store: store.unshelve(name))

    def is_shelved(self, name: str) -> bool:
        """See BlobStore.is_shelved."""
        first, other = self._in_order()
        return first.is_shelved(name) or (other.is_shelved(name) and not first.present([name]))

    def arrange(self, trashed: Collection[str], living: IdsAmong) -> None:
        """See BlobStore.arrange. The other place is put in order once it is looked at first."""
        self._in_order()[0].arrange(trashed, living)

    def quarantine(self, name: str, sha256: bytes) -> bool:
        """See BlobStore.quarantine. Each place by its own bytes."""
        done: list[bool] = []
        try:
            self._in_both(lambda store: done.append(store.quarantine(name, sha256)))
        except ImageServiceError:
            if not any(done):
                raise
        return any(done)

    def lift_quarantine(self, name: str) -> None:
        """See BlobStore.lift_quarantine."""
        self._in_both(lambda store: store.lift_quarantine(name))

    def is_quarantined(self, name: str) -> bool:
        """See BlobStore.is_quarantined."""
        return any(store.is_quarantined(name) for store in self._both)

    def names(self) -> Iterator[str]:
        """See BlobStore.names."""
        # The one in no order first: whether a few of the other's are among its is soon asked.
        pair = (self.second, self.main)
        one, other = sorted(pair, key=lambda store: store.lists_in_order)
        yield from one.names()
        rest = other.names()
        while some := list(itertools.islice(rest, _NAMES_AT_ONCE)):
            told = one.present([name for name in some if image_id_of(name)])
            yield from (name for name in some if name not in told)

    def sweep(self, known: IdsAmong, trashed: IdsAmong = no_ids) -> int:
        """See BlobStore.sweep. What went from both counts once."""
        swept: list[int] = []

        def look_again(name: str) -> None:
            for store in self._both:
                store.abandon(name)

        with self._journal.kept(look_again) if self._journal else contextlib.nullcontext():
            self._in_both(lambda store: swept.append(store.sweep(known, trashed)))
        return max(swept)

    def check(self) -> None:
        """See BlobStore.check. Of those that are written to, or looked at first."""
        for store in {*self._written(), self._in_order()[0]}:
            store.check()

    def free_bytes(self) -> int:
        """See BlobStore.free_bytes."""
        return min(store.free_bytes() for store in self._written())

    def _written(self) -> list[MovableStore]:
        """Return the places that new originals are stored in, the main one first."""
        written = self.move.phase.written
        return [store for place, store in self._by_place.items() if place in written]

    def _in_order(self) -> tuple[MovableStore, MovableStore]:
        """Return both, the one that has everything first, of two such the main one."""
        is_main_whole = self.move.places[0] in self.move.phase.whole
        return (self.main, self.second) if is_main_whole else (self.second, self.main)

    def _in_both(self, work: Callable[[MovableStore], object]) -> None:
        """Do something in both places: what fails in one of them is done in the other first."""
        failed: ImageServiceError | None = None
        for store in self._both:
            try:
                work(store)
            except ImageServiceError as exc:
                failed = failed or exc
        if failed:
            raise failed


def _opened(name: str, first: MovableStore, other: MovableStore) -> BinaryIO:
    reopen = functools.partial(other.open, name)
    return cast(BinaryIO, PairFile(first.open(name), reopen))


def _discard(store: MovableStore, name: str) -> None:
    """Remove what was only just put there, now or with the next sweep."""
    try:
        store.remove(name)
    except ImageServiceError:
        store.abandon(name)
