"""Variants in a bucket besides: what one machine has made the others need not make again.

{prefix}{imageId}/{name}   a variant's file; when it was made, among its metadata

Each machine's own folder comes first, and what is taken from the bucket is kept there. Of machines
that have a database in common one makes a variant, and the others wait for it. The bucket may lose
all of it at any time, and be away: then everybody makes what is asked for. How long it is kept is
for the bucket to say (a lifecycle rule); what is of deleted images goes at once, and what a process
that died in between has left, by and by.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Collection, Iterator

import xxhash

from ...domain.image import image_id_of
from ...domain.once import Turns
from ...domain.variant_ports import KeptVariant, VariantUsage
from ...errors import StorageFull, StorageUnavailable
from ...native import time
from ..variants import LocalVariants
from .bucket import Bucket

LONGEST_WAIT_S = 3.0
"""For the bucket: what it has takes hardly longer to make."""

_MADE, _CHECK = "made", "xxh3"
_LEFT_ALONE_S = 10.0
_SWEPT_AT_ONCE = 1000
# Others wait for a machine that has died in the middle of it.
_TURN_TTL_S = 5.0
_TURN_POLL_S, _LONGEST_TURN_POLL_S = 0.05, 0.5


class SharedVariants:
    """A VariantStore in a folder of this machine, and in a bucket that others use, too."""

    def __init__(
        self,
        near: LocalVariants,
        bucket: Bucket,
        turns: Turns | None = None,
        *,
        max_wait_s: float = 30.0,
    ) -> None:
        """Args:
        bucket: one that answers or fails within LONGEST_WAIT_S.
        turns: of all machines that use it, None for one machine.
        max_wait_s: how long one machine may keep others waiting that want the same variant.
        """
        self._near = near
        self._bucket = bucket
        self._turns = turns
        self._max_wait_s = max_wait_s
        self._asked_again_s = self._turn_asked_again_s = 0.0
        self._swept_up_to = ""

    def prepare(self) -> None:
        """See LocalVariants.prepare."""
        self._near.prepare()

    def close(self) -> None:
        """See LocalVariants.close."""
        self._near.close()

    def open(self, image_id: str, name: str) -> KeptVariant | None:
        """See VariantStore.open: what is kept on this machine."""
        return self._near.open(image_id, name)

    def has(self, image_id: str, name: str) -> bool:
        """See VariantStore.has: what is kept on this machine."""
        return self._near.has(image_id, name)

    def fetch(self, image_id: str, name: str) -> bool:
        """See VariantStore.fetch."""
        with self._leisurely() as may_ask:
            if may_ask:
                self._fetch(image_id, name)
        return self._near.has(image_id, name)

    def _fetch(self, image_id: str, name: str) -> None:
        try:
            data, notes = self._bucket.take(_key(image_id, name))
        except FileNotFoundError:
            return
        if notes.get(_CHECK) == xxhash.xxh3_64_hexdigest(data):
            self._near.put(image_id, name, data, made_s=int(notes[_MADE]))

    def put(self, image_id: str, name: str, data: bytes, *, made_s: int) -> None:
        """See VariantStore.put. What the bucket does not take is no error."""
        self._near.put(image_id, name, data, made_s=made_s)
        with self._leisurely() as may_ask:
            if may_ask:
                notes = {_MADE: str(made_s), _CHECK: xxhash.xxh3_64_hexdigest(data)}
                self._bucket.put(_key(image_id, name), data, notes)

    @contextlib.contextmanager
    def only_one(self, image_id: str, name: str) -> Iterator[None]:
        """See VariantStore.only_one: of this machine's one, then of all machines' one."""
        with self._near.only_one(image_id, name), contextlib.ExitStack() as turn:
            # What cannot be handed on is not waited for either.
            if self._turns and self._near.keeps_any and not self.fetch(image_id, name):
                self._wait_for_turn(self._turns, image_id, name, turn)
            yield

    def _wait_for_turn(
        self, turns: Turns, image_id: str, name: str, turn: contextlib.ExitStack
    ) -> None:
        """Have the turn of making a variant, or wait no longer than others may take for it.

        Whoever finds nothing after another one's turn has none: it failed, and may fail each in
        turn, or the bucket does not take it. Then everybody makes it.
        Args: turn: what ends it.
        """
        key = f"v{xxhash.xxh3_128_hexdigest(_key(image_id, name).encode())}"
        deadline_s, pause_s = time.monotonic() + self._max_wait_s, _TURN_POLL_S
        has_waited = False
        while self._may_wait and time.monotonic() < deadline_s:
            with contextlib.ExitStack() as attempt:
                try:
                    is_ours = attempt.enter_context(_turn_of(turns, key))
                except StorageUnavailable:  # made twice is better than not at all
                    self._turn_asked_again_s = time.monotonic() + _LEFT_ALONE_S
                    return
                if is_ours and has_waited:
                    self.fetch(image_id, name)
                elif is_ours:
                    turn.push(attempt.pop_all())
                if is_ours:
                    return
            has_waited = True
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_TURN_POLL_S)

    @property
    def _may_wait(self) -> bool:
        """Whether neither the bucket nor the database has failed a moment ago."""
        return max(self._asked_again_s, self._turn_asked_again_s) <= time.monotonic()

    def purge(self, image_id: str) -> None:
        """See VariantStore.purge. Raises: StorageUnavailable where the bucket may have some."""
        self._near.purge(image_id)
        self._remove_all([each.key for each in self._bucket.listed(f"{image_id}/")])

    def usage(self) -> VariantUsage:
        """See VariantStore.usage: of this machine."""
        return self._near.usage()

    def sweep(self, known: Callable[[Collection[str]], set[str]]) -> None:
        """See VariantStore.sweep. Looks at the next of the bucket's variants each time."""
        self._near.sweep(known)
        with self._leisurely() as may_ask:
            if may_ask:
                self._sweep(known)

    def _sweep(self, known: Callable[[Collection[str]], set[str]]) -> None:
        listed = self._bucket.listed(after=self._swept_up_to)
        keys = [each.key for each in itertools.islice(listed, _SWEPT_AT_ONCE)]
        self._swept_up_to = keys[-1] if len(keys) == _SWEPT_AT_ONCE else ""
        ids = {key: image_id for key in keys if (image_id := _image_of(key))}
        there = known(set(ids.values())) if ids else set()
        self._remove_all([key for key, image_id in ids.items() if image_id not in there])

    def _remove_all(self, keys: list[str]) -> None:
        if keys:
            self._bucket.remove(keys)

    @contextlib.contextmanager
    def _leisurely(self) -> Iterator[bool]:
        """Yield whether the bucket may be asked: not where it has failed a moment ago.

        Its failures are no errors.
        """
        try:
            yield time.monotonic() >= self._asked_again_s
        except (StorageFull, StorageUnavailable):
            self._asked_again_s = time.monotonic() + _LEFT_ALONE_S


@contextlib.contextmanager
def _turn_of(turns: Turns, key: str) -> Iterator[bool]:
    """Have a turn as Turns.take() gives it, and leave it to others in the end."""
    is_ours = False
    try:
        with turns.take(key, _TURN_TTL_S) as is_ours:
            yield is_ours
    finally:
        if is_ours:
            turns.leave(key)


def _key(image_id: str, name: str) -> str:
    return f"{image_id}/{name}"


def _image_of(key: str) -> str:
    """Return the id of the image that a key is of, "" for keys of others."""
    return image_id_of(f"{key.partition('/')[0]}.jpg")
