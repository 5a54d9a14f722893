"""Variants in a bucket besides: what one machine has made the others need not make again.

{prefix}{imageId}/{name}   a variant's file; when it was made, among its metadata

Each machine's own folder comes first, and what is taken from the bucket is kept there. The bucket
may lose all of it at any time, and be away: then everybody makes what is asked for. How long it is
kept there is for the bucket to say (a lifecycle rule); what is of deleted images goes at once, and
what a process that died in between has left, by and by.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager

import xxhash

from ...domain.image import image_id_of
from ...domain.variant_ports import KeptVariant, VariantUsage
from ...errors import StorageFull, StorageUnavailable
from ..variants import LocalVariants
from .bucket import Bucket

LONGEST_WAIT_S = 3.0
"""For the bucket: what it has takes hardly longer to make."""

_MADE, _CHECK = "made", "xxh3"
_LEFT_ALONE_S = 10.0
_SWEPT_AT_ONCE = 1000


class SharedVariants:
    """A VariantStore in a folder of this machine, and in a bucket that others use, too."""

    def __init__(self, near: LocalVariants, bucket: Bucket) -> None:
        """Args: bucket: one that answers or fails within LONGEST_WAIT_S."""
        self._near = near
        self._bucket = bucket
        self._asked_again_s = 0.0
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

    def only_one(self, image_id: str, name: str) -> AbstractContextManager[None]:
        """See VariantStore.only_one: on this machine."""
        return self._near.only_one(image_id, name)

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


def _key(image_id: str, name: str) -> str:
    return f"{image_id}/{name}"


def _image_of(key: str) -> str:
    """Return the id of the image that a key is of, "" for keys of others."""
    return image_id_of(f"{key.partition('/')[0]}.jpg")
