"""Variants: the use cases of pictures made from stored images, spoken in ports."""

from __future__ import annotations

import datetime as dt
import io
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from .domain.formats import Format, sniff
from .domain.image import Image
from .domain.negotiation import Resolved, resolve
from .domain.ports import Clock, Renderer, VariantStore
from .domain.transform import Transform
from .errors import ImageDamaged, ImageNotFound

_HEAD_BYTES = 64


class Originals(Protocol):
    """As much of the StorageManager as variants need."""

    def get(self, image_id: object) -> Image:
        """Return an image. Raises: InvalidImageId, ImageNotFound."""

    def open(self, image_id: object) -> tuple[Image, BinaryIO]:
        """Return an image and its bytes. Raises: InvalidImageId, ImageNotFound, ImageDamaged."""


@dataclass(frozen=True)
class Variant:
    """A finished variant. etag names these bytes and no others; made: when, UTC."""

    file: BinaryIO
    size_bytes: int
    format: Format
    etag: str
    made: dt.datetime


@dataclass(frozen=True)
class Made:
    """A variant in memory, for any number of clients that waited for it."""

    data: bytes
    made_s: int
    wanted: Wanted

    def variant(self) -> Variant:
        """Return it as a file of its own."""
        return _variant(io.BytesIO(self.data), self.made_s, self.wanted)


@dataclass(frozen=True)
class Wanted:
    """A variant of an image for one client."""

    image: Image
    resolved: Resolved

    @property
    def transform(self) -> Transform:
        """What is made."""
        return self.resolved.transform

    @property
    def key(self) -> tuple[str, str]:
        """What it is kept by: the image's id and the transform's key."""
        return self.image.id, self.transform.key


class Variants:
    """Finds variants, and makes those that are not there. Its methods block: see OffHub."""

    def __init__(
        self,
        originals: Originals,
        renderer: Renderer,
        store: VariantStore,
        clock: Clock,
        qualities: Mapping[Format, int],
    ) -> None:
        """Args: qualities: of the lossy formats, 1..100, where a transform names none."""
        self._originals = originals
        self._renderer = renderer
        self._store = store
        self._clock = clock
        self._qualities = qualities

    def find(
        self, image_id: object, transform: Transform, taken: Collection[Format] = ()
    ) -> tuple[Wanted, Variant | None]:
        """Return what a client is to get, and that if it is kept.

        Args: taken: the formats of negotiation.NEGOTIATED that the client says it takes.
        Raises: InvalidImageId, ImageNotFound.
        """
        image = self._originals.get(image_id)
        resolved = resolve(transform, image.facts, taken, self._qualities)
        wanted = Wanted(image, resolved)
        return wanted, self._kept(wanted)

    def make(self, wanted: Wanted) -> Made:
        """Return a variant that was not kept, made now unless another process has made it.

        Raises: ImageNotFound, ImageDamaged, TooManyPixels, TooManyFrames, CorruptImage, Busy.
        """
        with self._store.only_one(*wanted.key):
            kept = self._store.open(*wanted.key)
            if kept:
                with kept.file as file:
                    return Made(file.read(), kept.made_s, wanted)
            image, file = self._originals.open(wanted.image.id)
            with file:
                data = file.read()
            if len(data) != image.size_bytes:
                raise ImageDamaged(image.id)
            rendering = self._renderer.render(data, image.facts, wanted.transform)
            made_s = self._clock.now_ms() // 1000
            self._store.put(*wanted.key, rendering.data, made_s=made_s)
        self._check_not_deleted(image)
        return Made(rendering.data, made_s, wanted)

    def _check_not_deleted(self, image: Image) -> None:
        """Take the variant back if its image was deleted while it was made."""
        try:
            self._originals.get(image.id)
        except ImageNotFound:
            self._store.purge(image.id)
            raise

    def _kept(self, wanted: Wanted) -> Variant | None:
        kept = self._store.open(*wanted.key)
        return _variant(kept.file, kept.made_s, wanted) if kept else None


def _variant(file: BinaryIO, made_s: int, wanted: Wanted) -> Variant:
    """Describe a variant's file: what it is, its bytes say."""
    format_ = sniff(file.read(_HEAD_BYTES))
    size_bytes = file.seek(0, os.SEEK_END)
    file.seek(0)
    return Variant(
        file=file,
        size_bytes=size_bytes,
        format=format_ or wanted.transform.format or Format.JPEG,
        # Made again it may have other bytes: by another version of an encoder, say.
        etag=f"{wanted.transform.key}-{made_s:x}-{size_bytes:x}",
        made=dt.datetime.fromtimestamp(made_s, dt.timezone.utc),
    )
