"""A manager on fakes whose every step can be made to fail, before or after it did its work."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from image_service.domain.formats import Format
from image_service.domain.image import Findings, PictureFacts
from image_service.domain.listing import ListQuery
from image_service.domain.quota import Quotas
from image_service.domain.strip import Strip
from image_service.errors import StorageUnavailable
from image_service.manager import StorageManager
from image_service.testing import (
    FixedClock,
    MemoryCatalogue,
    MemoryDisk,
    MemoryRecords,
    MemoryStore,
    MemoryVariants,
    png,
)

PICTURE = png((8, 6), seed=1)
OTHER_PICTURE = png((8, 6), seed=2)
MAX_UPLOAD_BYTES = 100_000
DAY_S = 86_400


class Faulty:
    """An adapter whose named methods raise: before they do their work, or after it."""

    def __init__(self, adapter: Any) -> None:
        self._adapter = adapter
        self.before: dict[str, Exception] = {}
        self.after: dict[str, Exception] = {}
        self.calls: list[str] = []

    def heal(self) -> None:
        self.before.clear()
        self.after.clear()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._adapter, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls.append(name)
            if name in self.before:
                raise self.before[name]
            result = method(*args, **kwargs)
            if name in self.after:
                raise self.after[name]
            return result

        return call


class StubEngine:
    """An engine that finds every picture to be what it is told, or raises what it is told."""

    def __init__(self) -> None:
        self.refusal: Exception | None = None
        self.failure: BaseException | None = None
        self.looked_at: list[Format] = []

    def analyse(self, data: bytes, expected: Format, strip: Strip = Strip.NONE) -> StubEngine:
        if self.refusal:
            raise self.refusal
        self.looked_at.append(expected)
        return self

    def result(self) -> Findings:
        if self.failure:
            raise self.failure
        return Findings(PictureFacts(format=self.looked_at[-1], width=8, height=6))

    def check(self) -> None:
        pass


class World:
    """One process of the service on a disk and records that outlive it."""

    def __init__(
        self,
        earlier: World | None = None,
        engine: Any = None,
        accepted: Collection[Format] = frozenset(Format),
        quotas: Quotas | None = None,
        strip: Strip = Strip.NONE,
        **settings: Any,
    ) -> None:
        self._settings: dict[str, Any] = settings or (earlier._settings if earlier else {})
        self.disk: MemoryDisk = earlier.disk if earlier else MemoryDisk()
        self.records: MemoryRecords = earlier.records if earlier else MemoryRecords()
        self.clock = earlier.clock if earlier else FixedClock()
        self._memory_store = MemoryStore(self.disk)
        self._memory_catalogue = MemoryCatalogue(self.records)
        self.store = Faulty(self._memory_store)
        self.catalogue = Faulty(self._memory_catalogue)
        self.engine = engine or StubEngine()
        self.variants = earlier.variants if earlier else MemoryVariants()
        self.manager = StorageManager(
            self.store,
            self.catalogue,
            self.engine,
            self.clock,
            self.variants,
            max_upload_bytes=MAX_UPLOAD_BYTES,
            idempotency_window_s=DAY_S,
            accepted=accepted,
            quotas=quotas,
            strip=strip,
            **self._settings,
        )

    def sibling(self) -> World:
        """Another process on the same disk and records."""
        return World(self, self.engine)

    def killed_and_restarted(self) -> World:
        """Kill this process; return the next one, which has swept as it does at its start."""
        self._memory_store.die()
        self._memory_catalogue.die()
        following = self.sibling()
        following.manager.sweep()
        return following

    def healed(self) -> World:
        self.store.heal()
        self.catalogue.heal()
        return self

    def ids(self) -> set[str]:
        return {image.id for image in self.manager.page(ListQuery()).images}

    def files(self) -> set[str]:
        """Everything that takes room on the disk, provisional or not."""
        return {
            *self.disk.blobs,
            *self.disk.trash,
            *(name for _, name in self.disk.provisional),
        }

    def assert_empty(self) -> None:
        assert self.ids() == set()
        assert self.files() == set()
        assert self.manager.usage().files == 0
        assert self.manager.usage().bytes == 0

    def assert_in_step(self) -> None:
        """Every image listed can be opened, and nothing else takes room."""
        images = self.manager.page(ListQuery()).images
        for image in images:
            with self.manager.open(image.id)[1] as file:
                assert len(file.read()) == image.size_bytes
        assert self.files() == {image.blob_name for image in images}
        assert not self.disk.provisional


def set_faults(adapter: Faulty, modes: dict[str, str], skip: Collection[str] = ()) -> None:
    """Make each method fail as its mode says: "before" or "after" its work, or not at all."""
    for name, mode in modes.items():
        if mode != "works" and name not in skip:
            getattr(adapter, mode)[name] = StorageUnavailable("made to fail")
