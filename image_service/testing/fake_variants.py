"""A fake of the cache of variants; it keeps the same contract as the real one."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager

from ..domain.variant_ports import KeptVariant, VariantUsage


class MemoryVariants:
    """A VariantStore in memory, of one process."""

    def __init__(self, *, max_bytes: int = 10_000_000) -> None:
        self.max_bytes = max_bytes
        self.kept: dict[tuple[str, str], tuple[bytes, int]] = {}

    def open(self, image_id: str, name: str) -> KeptVariant | None:
        """See VariantStore.open."""
        if (image_id, name) not in self.kept:
            return None
        data, made_s = self.kept[image_id, name]
        return KeptVariant(io.BytesIO(data), made_s)

    def has(self, image_id: str, name: str) -> bool:
        """See VariantStore.has."""
        return (image_id, name) in self.kept

    def fetch(self, image_id: str, name: str) -> bool:
        """See VariantStore.fetch."""
        return self.has(image_id, name)

    def put(self, image_id: str, name: str, data: bytes, *, made_s: int) -> None:
        """See VariantStore.put."""
        self.kept[image_id, name] = (data, made_s)

    def only_one(self, image_id: str, name: str) -> AbstractContextManager[None]:  # noqa: ARG002
        """See VariantStore.only_one."""
        return contextlib.nullcontext()

    def purge(self, image_id: str) -> None:
        """See VariantStore.purge."""
        self.kept = {name: kept for name, kept in self.kept.items() if name[0] != image_id}

    def usage(self) -> VariantUsage:
        """See VariantStore.usage."""
        size_bytes = sum(len(data) for data, _ in self.kept.values())
        return VariantUsage(len(self.kept), size_bytes, max(0, self.max_bytes - size_bytes))

    def sweep(self, known: Callable[[Collection[str]], set[str]]) -> None:
        """See VariantStore.sweep."""
        ids = {image_id for image_id, _ in self.kept}
        for image_id in ids - known(ids):
            self.purge(image_id)
