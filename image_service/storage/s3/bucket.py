"""A bucket: obstore's calls, bounded in time, and its errors as ours.

What it asks blocks its native thread without Python's lock, and without anything that eventlet has
replaced: clients in Python wait for locks of the standard library's modules, which are green here.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

from ...domain.blocks import BLOCK_BYTES
from ...domain.bucket_url import BucketUrl
from ...errors import StorageUnavailable
from .access import Access
from .problems import AlreadyThere, patiently, translated
from .providers import provider_of
from .ranged import CutShort, Part, RangedFile

_PART_BYTES = 8 * 1024 * 1024
_PARTS_AT_ONCE = 4
_LISTED_AT_ONCE = 1000
_LISTED_IN_VAIN = 2000
_PROBES = ".probe/"
# Of clocks that differ, too: nobody else's probe is to be taken away before it was read.
_OLD = timedelta(hours=1)
_SHA256 = "sha256"


class Listed(NamedTuple):
    """An object as listings tell it."""

    key: str
    size_bytes: int
    modified: datetime


@dataclass(frozen=True)
class Found:
    """An object without its bytes. notes: the metadata that it was stored with."""

    size_bytes: int
    modified: datetime
    notes: Mapping[str, str]


class Bucket:
    """What is below one prefix of one bucket. Keys here are those without the prefix.

    Its methods raise FileNotFoundError, StorageFull and StorageUnavailable.
    """

    def __init__(self, url: BucketUrl, access: Access) -> None:
        """Raises: StorageUnavailable where the extra `s3` is missing."""
        try:
            import obstore
        except ImportError:
            raise StorageUnavailable(
                "object storage needs an extra: pip install 'image-service[s3]'"
            ) from None
        self.url = url
        self._access = access
        self._provider = provider_of(url)
        self._obs: Any = obstore
        with translated():
            self._store: Any = self._provider.open(url, access)

    def put(self, key: str, data: bytes, notes: Mapping[str, str] | None = None) -> None:
        """Store an object, in the place of any other of its key; it is there when this returns."""
        attributes = self._provider.written(notes or {})
        with translated():
            self._obs.put(self._store, key, data, attributes=attributes, use_multipart=False)

    def put_new(self, key: str, data: bytes, sha256: bytes, notes: Mapping[str, str]) -> None:
        """Store an object that is new, and see that all of it is there.

        One of the same bytes that is there already is taken for it: of a try whose answer was
        lost, say. Large ones go in parts, as which no server looks whether a key is taken. Where
        the server is not told a checksum that it compares, all of it is read back.
        Raises: StorageUnavailable where other bytes have the key.
        """
        attributes = {**notes, _SHA256: sha256.hex()}
        try:
            # The library tries again what may be done twice; this may, since the key is ours.
            patiently(self._access.retry_s)(self._create, key, data, attributes)
        except AlreadyThere:
            if not self.is_sound(key, hashlib.sha256(data).digest()):
                raise StorageUnavailable("another object has the key of this one") from None
        if not self._is_kept(key, data):
            with contextlib.suppress(StorageUnavailable):
                self.remove([key])
            raise StorageUnavailable("the object storage did not keep what was stored")

    def _is_kept(self, key: str, data: bytes) -> bool:
        try:
            if self._provider.is_told_checksums:
                return self.find(key).size_bytes == len(data)
            return self.read(key) == data
        except FileNotFoundError:
            return False

    def _create(self, key: str, data: bytes, notes: Mapping[str, str]) -> None:
        attributes = self._provider.written(notes)
        how: dict[str, Any] = {"mode": "create", "use_multipart": False}
        if len(data) >= self._access.multipart_bytes:
            how = {"chunk_size": _PART_BYTES, "max_concurrency": _PARTS_AT_ONCE}
            how["use_multipart"] = True
        with translated():
            self._obs.put(self._store, key, data, attributes=attributes, **how)

    def find(self, key: str) -> Found:
        """Look at an object."""
        with translated():
            result = self._obs.get(self._store, key, options={"head": True})
            meta = result.meta
            notes = self._provider.read(result.attributes)
            return Found(meta["size"], meta["last_modified"], notes)

    def has(self, key: str) -> bool:
        """Tell whether there is an object."""
        try:
            self.find(key)
        except FileNotFoundError:
            return False
        return True

    def read(self, key: str) -> bytes:
        """Return all bytes of an object."""
        return self.open(key).read()

    def is_sound(self, key: str, sha256: bytes) -> bool | None:
        """Tell whether an object has the bytes that have this digest, None where there is none."""
        try:
            return hashlib.sha256(self.read(key)).digest() == sha256
        except FileNotFoundError:
            return None

    def take(self, key: str) -> tuple[bytes, Mapping[str, str]]:
        """Return all bytes of an object and the metadata it was stored with: one request."""
        with translated():
            result = self._obs.get(self._store, key)
            return bytes(result.bytes()), self._provider.read(result.attributes)

    def open(self, key: str) -> RangedFile:
        """Open an object; its beginning is read."""
        return RangedFile(lambda start, stop: self.part(key, start, stop), self.retry_s)

    @property
    def retry_s(self) -> float:
        """For how long a read that broke off is tried again."""
        return self._access.retry_s

    def part(self, key: str, start: int, stop: int) -> Part:
        """Return the bytes start..stop of an object, as they come."""
        with translated():
            try:
                result = self._obs.get(self._store, key, options={"range": (start, stop)})
            except self._obs.exceptions.BaseError as exc:
                if start or not _is_empty(str(exc)):
                    raise
                result = self._obs.get(self._store, key)
            return Part(result.meta["size"], _chunks(result))

    def listed(self, under: str = "", after: str = "") -> Iterator[Listed]:
        """Yield the objects below a folder, in order, from those on that follow a key."""
        with translated():
            found = iter(
                self._obs.list(
                    self._store, prefix=under.rstrip("/") or None, offset=after or None,
                    chunk_size=_LISTED_AT_ONCE,
                )
            )  # fmt: skip
        while True:
            with translated():
                some = next(found, None)
            if some is None:
                return
            for meta in some:
                if meta["path"] <= after:  # by a server that does not know where to begin
                    continue
                yield Listed(meta["path"], meta["size"], meta["last_modified"])

    def among(self, keys: Collection[str]) -> set[str]:
        """Return those of some keys that there are objects of; they are best near each other."""
        if not keys:
            return set()
        wanted, first, last = set(keys), min(keys), max(keys)
        found: set[str] = set()
        spare = _LISTED_IN_VAIN + len(wanted)
        for listed in self.listed(after=first[:-1]):
            if listed.key > last:
                break
            if listed.key in wanted:
                found.add(listed.key)
                continue
            spare -= 1
            if not spare:  # rather one by one
                return found | {key for key in wanted if key > listed.key and self.has(key)}
        return found

    def copy(self, key: str, to: str) -> None:
        """Have the server copy an object."""
        with translated():
            self._obs.copy(self._store, key, to)

    def remove(self, keys: Sequence[str]) -> None:
        """Remove objects, the first one first; those that are not there are no error."""
        try:
            with translated():
                self._obs.delete(self._store, list(keys))
        except FileNotFoundError:  # which may have ended it before the others
            for key in keys:
                with contextlib.suppress(FileNotFoundError), translated():
                    self._obs.delete(self._store, key)

    def signed_url(self, key: str, ttl_s: float) -> str:
        """Return an address under which anybody can read an object for so long."""
        with translated():
            url: str = self._obs.sign(self._store, "GET", key, timedelta(seconds=ttl_s))
            return url

    def check(self) -> None:
        """Write, read and remove a probe."""
        key, content = f"{_PROBES}{secrets.token_hex(8)}", secrets.token_bytes(64)
        self.put(key, content)
        try:
            if self.read(key) != content:
                raise StorageUnavailable("a probe reads back other bytes than were written")
        except FileNotFoundError:
            raise StorageUnavailable("a probe that was written is not there") from None
        finally:
            self.remove([key])

    def check_listing(self) -> None:
        """See whether the bucket is there and may be listed.

        Probes are listed, and those removed that killed processes left long ago.
        """
        before = datetime.now(timezone.utc) - _OLD
        old = [probe.key for probe in self.listed(_PROBES) if probe.modified < before]
        if old:
            self.remove(old)


def _chunks(result: Any) -> Iterator[bytes]:
    """Yield the bytes of an answer as they come."""
    stream = iter(result.stream(min_chunk_size=BLOCK_BYTES))
    while True:
        try:
            with translated():
                chunk = next(stream, None)
        except (FileNotFoundError, StorageUnavailable):
            raise CutShort from None
        if chunk is None:
            return
        yield bytes(chunk)


def _is_empty(text: str) -> bool:
    """Tell whether an error means that a range is asked of an object without bytes."""
    return "416" in text or "InvalidRange" in text
