"""What variants are made of: the original, or the mezzanine that an earlier one left."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import BinaryIO, Protocol

from .domain.image import Image
from .domain.mezzanine import NAME, Use, mezzanine_of, serves
from .domain.ports import Clock, Renderer, VariantStore
from .domain.transform import Transform
from .errors import ImageDamaged, StorageFull, StorageUnavailable, VariantFailed


class Blobs(Protocol):
    """As much of the StorageManager as rendering needs."""

    def open_blob(self, image: Image) -> BinaryIO:
        """Return an image's bytes. Raises: ImageNotFound, ImageDamaged."""


class Renders:
    """Renders variants of stored images. Its methods block."""

    def __init__(
        self,
        blobs: Blobs,
        renderer: Renderer,
        store: VariantStore,
        clock: Clock,
        *,
        keeps_mezzanines: bool,
    ) -> None:
        """Args: keeps_mezzanines: in the store, see domain/mezzanine.py."""
        self._blobs = blobs
        self._renderer = renderer
        self._store = store
        self._clock = clock
        self._keeps_mezzanines = keeps_mezzanines
        # Ids of images whose mezzanines are being made: a page asks for many variants at once.
        self._making: set[str] = set()

    def render(self, image: Image, transform: Transform) -> bytes:
        """Return the file of a variant.

        Args: transform: with format and quality resolved.
        Raises: ImageNotFound, ImageDamaged, TooManyPixels, TooManyFrames, VariantFailed, Busy.
        """
        mezzanine = mezzanine_of(image.facts) if self._keeps_mezzanines else None
        if mezzanine is None or not serves(mezzanine, image.facts, transform):
            return self._of_original(image, transform, Use.NONE)
        kept = self._kept(image)
        if kept:
            # It is kept without being synced, so it may be less than was written.
            with contextlib.suppress(VariantFailed):
                return self._renderer.render(kept, image.facts, transform, Use.SOURCE).data
        with self._alone(image.id) as is_alone:
            return self._of_original(image, transform, Use.MAKE if is_alone else Use.NONE)

    def _of_original(self, image: Image, transform: Transform, use: Use) -> bytes:
        with self._blobs.open_blob(image) as file:
            original = file.read()
        if len(original) != image.size_bytes:
            raise ImageDamaged(image.id)
        rendering = self._renderer.render(original, image.facts, transform, use)
        if rendering.mezzanine:
            made_s = self._clock.now_ms() // 1000
            with contextlib.suppress(StorageUnavailable, StorageFull):
                self._store.put(image.id, NAME, rendering.mezzanine, made_s=made_s)
        return rendering.data

    def _kept(self, image: Image) -> bytes:
        with contextlib.suppress(StorageUnavailable):
            kept = self._store.open(image.id, NAME)
            if kept:
                with kept.file as file:
                    return file.read()
        return b""

    @contextlib.contextmanager
    def _alone(self, image_id: str) -> Iterator[bool]:
        """Yield whether nobody else in this process makes the image's mezzanine."""
        if image_id in self._making:
            yield False
            return
        self._making.add(image_id)
        try:
            yield True
        finally:
            self._making.discard(image_id)
