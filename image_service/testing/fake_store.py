"""A fake BlobStore: it keeps the same contract as the real adapters (see tests/contracts)."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from ..clock import now_ms
from ..domain.image import parse_image_ref
from ..domain.ports import IdsAmong, no_ids
from ..errors import InvalidImageId, StorageUnavailable


@dataclass
class MemoryDisk:
    """What the MemoryStores of several processes share."""

    blobs: dict[str, bytes] = field(default_factory=dict)
    provisional: dict[tuple[int, str], bytes] = field(default_factory=dict)
    trash: dict[str, bytes] = field(default_factory=dict)
    damaged: dict[str, bytes] = field(default_factory=dict)
    archived: set[str] = field(default_factory=set)
    arrived_ms: dict[str, int] = field(default_factory=dict)
    labels: dict[str, bytes] = field(default_factory=dict)
    alive: set[int] = field(default_factory=set)
    started: int = 0


class MemoryStore:
    """A BlobStore in memory. Stores on the same disk are as processes on the same directory."""

    lists_in_order = False

    def __init__(self, disk: MemoryDisk | None = None) -> None:
        self.disk = disk or MemoryDisk()
        self.disk.started += 1
        self._process = self.disk.started
        self.disk.alive.add(self._process)
        self._active: set[str] = set()

    @property
    def is_at_rest(self) -> bool:
        """See MovableStore.is_at_rest."""
        return not self._active

    def prepare(self) -> None:
        """See MovableStore.prepare."""

    def die(self) -> None:
        """End as a killed process does: what is provisional stays behind."""
        self.disk.alive.discard(self._process)

    def put(
        self,
        name: str,
        data: bytes,
        label: bytes = b"",
        *,
        is_known: bool = False,  # noqa: ARG002
    ) -> bytes:
        """See BlobStore.put."""
        _check_name(name)
        if (self._process, name) in self.disk.provisional:
            raise StorageUnavailable("File exists")
        self._active.add(name)
        self.disk.provisional[self._process, name] = bytes(data)
        self.disk.labels[name] = label
        return hashlib.sha256(data).digest()

    def label(self, name: str) -> bytes:
        """See BlobStore.label."""
        return self.disk.labels.get(name, b"")

    def relabel(self, name: str, label: bytes) -> None:
        """See BlobStore.relabel."""
        _check_name(name)
        if name in self.disk.labels:
            self.disk.labels[name] = label

    def settle(self, name: str) -> None:
        """See BlobStore.settle."""
        if (self._process, name) not in self.disk.provisional:
            raise StorageUnavailable("No such file or directory")
        self.disk.blobs[name] = self.disk.provisional.pop((self._process, name))
        self.disk.arrived_ms[name] = now_ms()
        self._active.discard(name)

    def doubt(self, name: str) -> bool:
        """See BlobStore.doubt."""
        _check_name(name)
        self._active.add(name)
        for place in (self.disk.blobs, self.disk.trash):
            if name in place:
                self.disk.provisional[self._process, name] = place.pop(name)
                return True
        return False

    def remove(self, name: str) -> None:
        """See BlobStore.remove."""
        _check_name(name)
        for key in [key for key in self.disk.provisional if key[1] == name]:
            self.disk.provisional.pop(key, None)
        self.disk.blobs.pop(name, None)
        self.disk.trash.pop(name, None)
        self.disk.damaged.pop(name, None)
        self.disk.archived.discard(name)
        self._active.discard(name)

    def shelve(self, name: str) -> None:
        """See BlobStore.shelve."""
        _check_name(name)
        if name in self.disk.blobs:
            self.disk.trash[name] = self.disk.blobs.pop(name)

    def unshelve(self, name: str) -> None:
        """See BlobStore.unshelve."""
        _check_name(name)
        if name in self.disk.trash:
            self.disk.blobs[name] = self.disk.trash.pop(name)

    def is_shelved(self, name: str) -> bool:
        """See BlobStore.is_shelved."""
        return name in self.disk.trash

    def present(self, names: Collection[str]) -> set[str]:
        """See MovableStore.present."""
        return {name for name in names if name in self.disk.blobs or name in self.disk.trash}

    def under_way(self) -> set[str]:
        """See MovableStore.under_way."""
        return {name for _, name in self.disk.provisional}

    def drop(self, name: str) -> None:
        """See MovableStore.drop."""
        self.disk.blobs.pop(name, None)
        self.disk.trash.pop(name, None)

    def abandon(self, name: str) -> None:
        """See BlobStore.abandon."""
        self._active.discard(name)

    def open(self, name: str) -> BinaryIO:
        """See BlobStore.open."""
        _check_name(name)
        if name in self.disk.blobs:
            return io.BytesIO(self.disk.blobs[name])
        for (_, provisional_name), data in self.disk.provisional.items():
            if provisional_name == name:
                return io.BytesIO(data)
        if name in self.disk.trash:
            return io.BytesIO(self.disk.trash[name])
        raise FileNotFoundError(name)

    def is_archived(self, name: str) -> bool:
        """See BlobStore.is_archived."""
        return name in self.disk.archived and bool(self.present([name]))

    def put_away(
        self, name: str, sha256: bytes, took: Callable[[int], None] = lambda _: None
    ) -> bool | None:
        """See BlobStore.put_away."""
        _check_name(name)
        if name not in self.disk.blobs or name in self.disk.archived:
            return None
        took(len(self.disk.blobs[name]))
        if hashlib.sha256(self.disk.blobs[name]).digest() != sha256:
            return False
        self.disk.archived.add(name)
        self.disk.arrived_ms[name] = now_ms()
        return True

    def bring_back(self, name: str, sha256: bytes) -> None:
        """See BlobStore.bring_back."""
        _check_name(name)
        if hashlib.sha256(self.disk.blobs.get(name, b"")).digest() == sha256:
            self.disk.archived.discard(name)
            self.disk.arrived_ms[name] = now_ms()

    def tidy_archive(self) -> int:
        """See BlobStore.tidy_archive."""
        return 0

    def arrived_ms(self, name: str) -> int:
        """See BlobStore.arrived_ms."""
        return self.disk.arrived_ms.get(name, 0) if name in self.disk.blobs else 0

    def is_settled(self, name: str) -> bool:
        """See BlobStore.is_settled."""
        return name in self.disk.blobs

    def arrange(self, trashed: Collection[str], living: IdsAmong) -> None:
        """See BlobStore.arrange."""
        for name in trashed:
            self.shelve(name)
        for name in list(self.disk.trash):
            if living([parse_image_ref(name).id]):
                self.unshelve(name)
                if not living([parse_image_ref(name).id]):
                    self.shelve(name)

    def quarantine(self, name: str, sha256: bytes) -> bool:
        """See BlobStore.quarantine."""
        is_done = False
        for place in (self.disk.blobs, self.disk.trash):
            if name in place and hashlib.sha256(place[name]).digest() != sha256:
                self.disk.damaged[name] = place.pop(name)
                is_done = True
        return is_done

    def lift_quarantine(self, name: str) -> None:
        """See BlobStore.lift_quarantine."""
        self.disk.damaged.pop(name, None)

    def is_quarantined(self, name: str) -> bool:
        """See BlobStore.is_quarantined."""
        return name in self.disk.damaged

    def names(self) -> Iterator[str]:
        """See BlobStore.names."""
        yield from list(self.disk.blobs)
        yield from list(self.disk.trash)

    def sweep(self, known: IdsAmong, trashed: IdsAmong = no_ids) -> int:
        """See BlobStore.sweep."""
        left = [key for key in self.disk.provisional if self._is_left_over(*key)]
        wanted = known([parse_image_ref(name).id for _, name in left]) if left else set()
        swept = 0
        for key in left:
            data = self.disk.provisional.pop(key)
            if parse_image_ref(key[1]).id in wanted:
                self.disk.blobs[key[1]] = data
            else:
                swept += 1
        for image_id in trashed(wanted) if wanted else ():
            for _, name in left:
                if parse_image_ref(name).id == image_id:
                    self.shelve(name)
        return swept

    def check(self) -> None:
        """See BlobStore.check."""

    def free_bytes(self) -> int:
        """See BlobStore.free_bytes."""
        return 2**40

    def _is_left_over(self, process: int, name: str) -> bool:
        if process == self._process:
            return name not in self._active
        return process not in self.disk.alive


def _check_name(name: str) -> None:
    if parse_image_ref(name).extension is None:
        raise InvalidImageId(name[:80])
