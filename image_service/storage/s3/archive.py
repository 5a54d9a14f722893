"""Originals in another bucket, or another storage class: where each is, a mark in the first says.

What is put away is copied first, marked, and then removed from its place; what is brought back is
copied, and its mark removed. Its bytes stay in the archive for an hour, so that somebody who has
just put it away in another process cannot take the only ones there are.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Mapping

from ...clock import now_ms
from ...domain.image import image_id_of
from ...errors import StorageUnavailable
from .bucket import Bucket
from .ranged import Part

ARCHIVED = ".archived/"
_OLD = dt.timedelta(hours=1)
_OURS = ("label", "Content-Type")


class BucketArchive:
    """Where the originals of a bucket can be put away. Names must have been checked."""

    def __init__(self, bucket: Bucket, archive: Bucket | None, storage_class: str = "") -> None:
        """Args:
        archive: None for no archive.
        storage_class: of what is put away, as GLACIER_IR; "" for the bucket's own. One that has to
            be restored before it can be read will not do.
        """
        self._bucket, self._archive = bucket, archive
        self._storage_class = storage_class

    @property
    def is_set(self) -> bool:
        """Whether there is one."""
        return self._archive is not None

    def has(self, name: str) -> bool:
        """Tell whether the bytes of a blob are here."""
        return self._archive is not None and self._archive.has(name)

    def is_sound(self, name: str, sha256: bytes) -> bool:
        """Tell whether the bytes of a blob are here, as they were stored."""
        return self._archive is not None and self._archive.is_sound(name, sha256)

    def part(self, name: str, start: int, stop: int) -> Part:
        """Return bytes of what was put away. Raises: FileNotFoundError."""
        return self._there(name).part(name, start, stop)

    def _there(self, name: str) -> Bucket:
        if self._archive is None:
            if self._bucket.has(ARCHIVED + name):
                raise StorageUnavailable("s3_archive is not set, and an original was put away")
            raise FileNotFoundError("there is no such object")
        return self._archive

    def notes(self, name: str) -> Mapping[str, str]:
        """Return the metadata of what was put away; none of what was not."""
        try:
            return self._archive.find(name).notes if self._archive else {}
        except FileNotFoundError:
            return {}

    def arrived_ms(self, name: str) -> int:
        """Return when it was put away, Unix milliseconds; 0 where it was not."""
        try:
            told = self._bucket.read(ARCHIVED + name).decode("ascii", "replace")
        except FileNotFoundError:
            return 0
        return int(told) if told.isdecimal() else 0

    def put_away(self, name: str, sha256: bytes, took: Callable[[int], None]) -> bool | None:
        """Copy an original into the archive and mark it. The caller then removes it.

        Returns: whether it is what it must be, None where it is not there.
        """
        if self._archive is None:
            raise StorageUnavailable("s3_archive is not set")
        try:
            data = self._bucket.read(name)
            notes = self._kept_notes(self._bucket.find(name).notes)
        except FileNotFoundError:
            return None
        took(len(data))
        if hashlib.sha256(data).digest() != sha256:
            return False
        if self._storage_class:
            notes["Storage-Class"] = self._storage_class
        self._archive.put_new(name, data, sha256, notes)
        self.mark(name)
        return True

    def mark(self, name: str) -> None:
        """Note, for all machines, that the bytes of a blob are here."""
        self._bucket.put(ARCHIVED + name, str(now_ms()).encode())

    def bring_back(self, name: str, sha256: bytes) -> bool:
        """Copy an original back; tell whether it is what it must be."""
        if self._archive is None:
            raise StorageUnavailable("s3_archive is not set")
        try:
            data = self._archive.read(name)
        except FileNotFoundError:
            return self._bucket.has(name)
        if hashlib.sha256(data).digest() != sha256:
            return False
        notes = self._kept_notes(self._archive.find(name).notes)
        self._bucket.put_new(name, data, sha256, {**notes, "arrived-ms": str(now_ms())})
        self._bucket.remove([ARCHIVED + name])
        return True

    def copy_to(self, name: str, key: str) -> None:
        """Copy what was put away to a key of the first bucket. Raises: FileNotFoundError."""
        self._bucket.put(key, self._there(name).read(name))

    def remove(self, name: str) -> None:
        """Remove what was put away, and its mark."""
        if self._archive:
            self._archive.remove([name])
            self._bucket.remove([ARCHIVED + name])

    def tidy(self) -> int:
        """Remove what was brought back more than an hour ago; return how many objects that were.

        Where the original is gone, its bytes here are the only ones: they are marked again.
        """
        if self._archive is None:
            return 0
        removed = 0
        for listed in self._archive.listed():
            name = listed.key
            is_old = dt.datetime.now(dt.timezone.utc) - listed.modified > _OLD
            if not image_id_of(name) or not is_old or self._bucket.has(ARCHIVED + name):
                continue
            if self._bucket.has(name):
                self._archive.remove([name])
                removed += 1
            else:
                self.mark(name)
        return removed

    def _kept_notes(self, notes: Mapping[str, str]) -> dict[str, str]:
        return {key: value for key, value in notes.items() if key in _OURS}
