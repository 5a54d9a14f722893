"""Originals in another bucket, or another storage class: where each is, a mark in the first says.

What is put away is copied first, marked, and then removed from its place; what is brought back is
copied, and its mark removed. Each time it is put away it has a key of its own, which the mark
names: whoever removes what was brought back long ago, however late, removes nothing newer.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import re
import secrets
from collections.abc import Callable, Mapping
from typing import TypeVar

from ...clock import now_ms
from ...domain.image import image_id_of
from ...errors import StorageUnavailable
from .bucket import Bucket
from .ranged import Part

ARCHIVED = ".archived/"
_OLD = dt.timedelta(hours=1)
_OURS = ("label", "Content-Type")
_KEYS_KNOWN = 10_000
_TOKEN_BYTES = 8
# Others' notes beside them are left.
_KEY = re.compile(rf"[^/]+(/[0-9a-f]{{{2 * _TOKEN_BYTES}}})?")

_T = TypeVar("_T")


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
        # Of those that were read: a mark is looked at once, not for every part.
        self._keys: dict[str, str] = {}

    @property
    def is_set(self) -> bool:
        """Whether there is one."""
        return self._archive is not None

    def has(self, name: str) -> bool:
        """Tell whether the bytes of a blob are here."""
        try:
            return bool(self._archive and self._of(name, self._archive.find))
        except FileNotFoundError:
            return False

    def adopt(self, name: str, sha256: bytes) -> bool:
        """Have what is here be the original, where its bytes are as they were stored.

        Also what was brought back a while ago: under a key of its own then, for somebody may be
        tidying the old one away. Returns: whether there is any such.
        """
        if self._archive is None:
            return False
        self._keys.pop(name, None)
        marked = self._marked(name)[1]
        if marked and self._archive.is_sound(marked, sha256):
            return True
        for key in (each for each in self._unmarked(name) if each != marked):
            try:
                data, notes = _whole(self._archive, key)
            except FileNotFoundError:
                continue
            if hashlib.sha256(data).digest() == sha256:
                self._keep(name, data, sha256, notes)
                if marked:  # whoever has read it before looks for its key anew
                    self._archive.remove([marked])
                return True
        return False

    def part(self, name: str, start: int, stop: int) -> Part:
        """Return bytes of what was put away. Raises: FileNotFoundError."""
        archive = self._there(name)
        known = self._keys.get(name)
        if known:
            try:
                return archive.part(known, start, stop)
            except FileNotFoundError:  # it was brought back, and put away anew
                self._keys.pop(name, None)

        def found(key: str) -> Part:
            part = archive.part(key, start, stop)
            if len(self._keys) >= _KEYS_KNOWN:
                self._keys.clear()
            self._keys[name] = key
            return part

        return self._of(name, found)

    def _there(self, name: str) -> Bucket:
        if self._archive is None:
            if self._bucket.has(ARCHIVED + name):
                raise StorageUnavailable("s3_archive is not set, and an original was put away")
            raise FileNotFoundError("there is no such object")
        return self._archive

    def notes(self, name: str) -> Mapping[str, str]:
        """Return the metadata of what was put away; none of what was not."""
        try:
            return self._of(name, self._archive.find).notes if self._archive else {}
        except FileNotFoundError:
            return {}

    def arrived_ms(self, name: str) -> int:
        """Return when it was put away, Unix milliseconds; 0 where it was not."""
        return self._marked(name)[0]

    def put_away(self, name: str, sha256: bytes, took: Callable[[int], None]) -> bool | None:
        """Move an original into the archive.

        Returns: whether it is what it must be, None where it is not there.
        """
        if self._archive is None:
            raise StorageUnavailable("s3_archive is not set")
        try:
            data, notes = _whole(self._bucket, name)
        except FileNotFoundError:
            return None
        took(len(data))
        if hashlib.sha256(data).digest() != sha256:
            return False
        key = self._keep(name, data, sha256, notes)
        self._bucket.remove([name])
        marked = self._marked(name)[1]
        if marked != key and not (marked and self._archive.has(marked)):
            # Somebody has brought it back meanwhile, and what was just removed was that.
            self._put_back(name, data, sha256, notes)
        return True if marked == key else None

    def _keep(self, name: str, data: bytes, sha256: bytes, notes: Mapping[str, str]) -> str:
        """Store a blob's bytes here, mark it, and return the key."""
        assert self._archive
        classed = {"Storage-Class": self._storage_class} if self._storage_class else {}
        key = f"{name}/{secrets.token_hex(_TOKEN_BYTES)}"
        self._archive.put_new(key, data, sha256, {**notes, **classed})
        self._mark(name, key)
        if not self._archive.has(key):  # it stood there unmarked for an hour, and was tidied away
            self._unmark(name, key)
            raise StorageUnavailable("it took too long")
        return key

    def _unmark(self, name: str, key: str) -> bool:
        """Take away a blob's mark, unless that names another key; tell whether it has none now."""
        marked = self._marked(name)[1]
        if marked == key:
            self._bucket.remove([ARCHIVED + name])
        return marked in ("", key)

    def _mark(self, name: str, key: str) -> None:
        self._bucket.put(ARCHIVED + name, f"{now_ms()} {key}".encode())

    def _marked(self, name: str) -> tuple[int, str]:
        """Return when a blob was put away, Unix milliseconds, and its key; 0 and "" for none."""
        try:
            told = self._bucket.read(ARCHIVED + name).decode("ascii", "replace")
        except FileNotFoundError:
            return 0, ""
        at_ms, _, key = told.partition(" ")
        # Marks of before each had a key of its own name none.
        return int(at_ms) if at_ms.isdecimal() else 0, key or name

    def _of(self, name: str, work: Callable[[str], _T]) -> _T:
        """Do something with a blob's bytes here, by their key.

        They are what its mark says, or where it has none, or that leads nowhere, the last that are
        here: whoever brought it back, or put it away anew, has been there meanwhile.
        Raises: FileNotFoundError; StorageUnavailable.
        """
        marked = self._marked(name)[1]
        if marked:
            with contextlib.suppress(FileNotFoundError):
                return work(marked)
        return work(self._unmarked(name)[0])

    def _unmarked(self, name: str) -> list[str]:
        """Return the keys that a blob may have here, the last one first."""
        assert self._archive
        listed = sorted(self._archive.listed(name), key=lambda each: each.modified, reverse=True)
        return [*(each.key for each in listed if _KEY.fullmatch(each.key)), name]

    def bring_back(self, name: str, sha256: bytes) -> bool:
        """Copy an original back; tell whether it is there now, and is what it must be.

        Raises: StorageUnavailable where somebody puts it away anew meanwhile.
        """
        archive = self._archive
        if archive is None:
            raise StorageUnavailable("s3_archive is not set")
        marked = self._marked(name)[1]
        try:
            key, data, notes = self._of(name, lambda key: (key, *_whole(archive, key)))
        except FileNotFoundError:
            return self._bucket.has(name) and self._unmark(name, marked)
        if hashlib.sha256(data).digest() != sha256:
            return False
        self._put_back(name, data, sha256, notes)
        if not self._unmark(name, marked):
            raise StorageUnavailable("an original is being put away anew")
        if not self._bucket.has(name):
            self._mark(name, key)
            raise StorageUnavailable("an original is just being put away")
        return True

    def _put_back(self, name: str, data: bytes, sha256: bytes, notes: Mapping[str, str]) -> None:
        self._bucket.put_new(name, data, sha256, {**notes, "arrived-ms": str(now_ms())})

    def copy_to(self, name: str, key: str) -> None:
        """Copy what was put away to a key of the first bucket. Raises: FileNotFoundError."""
        self._bucket.put(key, self._of(name, self._there(name).read))

    def remove(self, name: str) -> None:
        """Remove what was put away, and its mark."""
        if self._archive:
            # What is marked is removed also where a listing does not have it yet.
            keys = {self._marked(name)[1] or name, *self._unmarked(name)}
            self._archive.remove(sorted(keys))
            self._bucket.remove([ARCHIVED + name])

    def tidy(self) -> int:
        """Remove what was brought back more than an hour ago; return how many objects that were.

        Where the original is gone, its bytes here are the only ones: they are marked again.
        """
        if self._archive is None:
            return 0
        removed = 0
        for listed in self._archive.listed():
            name = listed.key.partition("/")[0]
            is_old = dt.datetime.now(dt.timezone.utc) - listed.modified > _OLD
            if not image_id_of(name) or not _KEY.fullmatch(listed.key) or not is_old:
                continue
            marked = self._marked(name)[1]
            if marked == listed.key:
                continue
            if self._archive.has(marked) if marked else self._bucket.has(name):
                self._archive.remove([listed.key])
                removed += 1
            elif not self._bucket.has(name):
                self._mark(name, listed.key)
        return removed


def _whole(bucket: Bucket, key: str) -> tuple[bytes, Mapping[str, str]]:
    """Return an original and what goes with it wherever it is. Raises: FileNotFoundError."""
    data, notes = bucket.read(key), bucket.find(key).notes
    return data, {name: value for name, value in notes.items() if name in _OURS}
