"""What variants are made of: the original, or the mezzanine that an earlier one left."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import BinaryIO, Protocol

import xxhash

from .domain.formats import Format
from .domain.image import Image
from .domain.mezzanine import NAME, Use, mezzanine_of, serves
from .domain.ports import Clock
from .domain.transform import Transform
from .domain.variant_ports import Renderer, VariantStore
from .errors import ImageDamaged, ImageNotFound, StorageFull, StorageUnavailable, VariantFailed

# More than any mezzanine has.
_LARGEST_BYTES = 2 * 1024 * 1024
_CHECK_BYTES = 8
# What is rendered where only the mezzanine is wanted.
_LEAST = Transform(width=1, height=1, format=Format.JPEG, quality=80)


class Originals(Protocol):
    """As much of the StorageManager as rendering needs."""

    def get(self, image_id: object) -> Image:
        """Return an image. Raises: ImageNotFound."""

    def is_there(self, image: Image) -> bool:
        """Tell whether an image is surely there still."""

    def open_blob(self, image: Image) -> BinaryIO:
        """Return an image's bytes. Raises: ImageNotFound, ImageDamaged."""


class Renders:
    """Renders variants of stored images. Its methods block."""

    def __init__(
        self,
        originals: Originals,
        renderer: Renderer,
        store: VariantStore,
        clock: Clock,
        *,
        keeps_mezzanines: bool,
    ) -> None:
        """Args: keeps_mezzanines: in the store, see domain/mezzanine.py."""
        self._originals = originals
        self._renderer = renderer
        self._store = store
        self._clock = clock
        self._keeps_mezzanines = keeps_mezzanines
        # Ids of images whose mezzanines are being made: a page asks for many variants at once.
        self._making: set[str] = set()

    def would_leave(self, image: Image) -> bool:
        """Tell whether an image can have a mezzanine. Waits for nothing."""
        return self._keeps_mezzanines and mezzanine_of(image.facts) is not None

    def leave(self, image_id: str) -> None:
        """Make an image's mezzanine, unless it is there or something else would have to go for it.

        Raises: as render() does.
        """
        image = self._originals.get(image_id)
        with self._store.only_one(image.id, NAME):
            room_bytes = self._store.usage().room_bytes
            is_there = self._store.has(image.id, NAME) or self._store.fetch(image.id, NAME)
            if not is_there and room_bytes > _LARGEST_BYTES:
                self._of_original(image, _LEAST, Use.MAKE)
        try:
            self._originals.get(image_id)
        except ImageNotFound:  # deleted meanwhile, and what was kept of it
            self._store.purge(image_id)
            raise

    def render(self, image: Image, transform: Transform) -> bytes:
        """Return the file of a variant.

        Args: transform: with format and quality resolved.
        Raises: ImageNotFound, ImageDamaged, TooManyPixels, TooManyFrames, VariantFailed, Busy.
        """
        mezzanine = mezzanine_of(image.facts) if self._keeps_mezzanines else None
        if mezzanine is None or not serves(mezzanine, image.facts, transform):
            return self._of_original(image, transform, Use.NONE)
        kept = self._kept(image)
        # Of a damaged original nothing new is made.
        if kept and self._originals.is_there(image):
            with contextlib.suppress(VariantFailed):
                return self._renderer.render(kept, image.facts, transform, Use.SOURCE).data
        with self._alone(image.id) as is_alone:
            return self._of_original(image, transform, Use.MAKE if is_alone else Use.NONE)

    def _of_original(self, image: Image, transform: Transform, use: Use) -> bytes:
        with self._originals.open_blob(image) as file:
            original = file.read()
        if len(original) != image.size_bytes:
            raise ImageDamaged(image.id)
        rendering = self._renderer.render(original, image.facts, transform, use)
        if rendering.mezzanine:
            made_s = self._clock.now_ms() // 1000
            with contextlib.suppress(StorageUnavailable, StorageFull):
                data = rendering.mezzanine + _check_of(rendering.mezzanine)
                self._store.put(image.id, NAME, data, made_s=made_s)
        return rendering.data

    def _kept(self, image: Image) -> bytes:
        with contextlib.suppress(StorageUnavailable):
            kept = self._store.open(image.id, NAME)
            if kept is None and self._store.fetch(image.id, NAME):
                kept = self._store.open(image.id, NAME)
            if kept:
                with kept.file as file:
                    data = file.read()
                picture, check = data[:-_CHECK_BYTES], data[-_CHECK_BYTES:]
                return picture if check == _check_of(picture) else b""
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


def _check_of(data: bytes) -> bytes:
    """Return what is kept behind a mezzanine: the file is not synced, and many are made of it."""
    return xxhash.xxh3_64_digest(data)
