"""Variants: the use cases of pictures made from stored images, spoken in ports."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import BinaryIO, Protocol, TypeVar

from .domain.formats import Format, sniff
from .domain.image import Image, parse_image_ref
from .domain.negotiation import Resolved, resolve
from .domain.ports import Clock
from .domain.transform import Transform
from .domain.variant_ports import VariantStore
from .errors import ImageNotFound, StorageFull, StorageUnavailable, VariantFailed
from .renders import Renders

K = TypeVar("K")
V = TypeVar("V")

_IMAGES_REMEMBERED = 1024
_FAILURES_REMEMBERED = 1024
_FAILED_FOR_MS = 60_000
_READ_AT_ONCE_BYTES = 256 * 1024


class Originals(Protocol):
    """As much of the StorageManager as variants need."""

    def get(self, image_id: object) -> Image:
        """Return an image. Raises: InvalidImageId, ImageNotFound."""

    def is_there(self, image: Image) -> bool:
        """Tell whether an image is surely there still, without waiting for anything."""


@dataclass(frozen=True)
class Variant:
    """A finished variant: its bytes if they are few, else a file that the caller closes.

    etag names these bytes and no others; made: when, UTC.
    path: where it is kept as a file, see KeptVariant.
    """

    content: bytes | BinaryIO
    size_bytes: int
    format: Format
    etag: str
    made: dt.datetime
    path: str = ""

    def close(self) -> None:
        """Close the file, if there is one."""
        if not isinstance(self.content, bytes):
            self.content.close()


@dataclass(frozen=True)
class Wanted:
    """A variant of an image for one client; key: what it is kept by."""

    image: Image
    resolved: Resolved
    key: tuple[str, str]

    @property
    def transform(self) -> Transform:
        """What is made."""
        return self.resolved.transform


@dataclass
class CacheCounts:
    """How often what was asked for was kept, and how often not, since the process began."""

    hits: int = 0
    misses: int = 0


class Variants:
    """Finds variants, and makes those that are not there. Its methods block: see OffHub."""

    def __init__(
        self,
        originals: Originals,
        renders: Renders,
        store: VariantStore,
        clock: Clock,
        qualities: Mapping[Format, int],
    ) -> None:
        """Args: qualities: of the lossy formats, 1..100, where a transform names none."""
        self._originals = originals
        self._renders = renders
        self._store = store
        self._clock = clock
        self._qualities = qualities
        self.counts = CacheCounts()
        # What was tried in vain is not tried again for every request.
        self._failed: dict[tuple[str, str], tuple[str, int]] = {}
        # By id, with or without extension: pages ask for many variants of one image at once, and
        # what it is never changes.
        self._seen: dict[object, Image] = {}

    def find(
        self, image_id: object, transform: Transform, taken: Collection[Format] = ()
    ) -> tuple[Wanted, Variant | None]:
        """Return what a client is to get, and that if it is kept.

        Args: taken: the formats of negotiation.NEGOTIATED that the client says it takes.
        Raises: InvalidImageId, ImageNotFound.
        """
        wanted = self._wanted(self._image(image_id), transform, taken)
        variant = self._kept(wanted)
        if variant:
            self.counts.hits += 1
        else:
            self.counts.misses += 1
        return wanted, variant

    def glance(
        self, image_id: object, transform: Transform, taken: Collection[Format]
    ) -> Wanted | None:
        """Return what find() would, where nothing is kept and no waiting is needed to see that.

        So cheap that it may be asked on the hub.
        """
        image = self._seen.get(image_id)
        if image is None or not self._originals.is_there(image):
            return None
        wanted = self._wanted(image, transform, taken)
        if self._store.has(*wanted.key):
            return None
        self.counts.misses += 1
        return wanted

    def _image(self, image_id: object) -> Image:
        parse_image_ref(image_id)
        image = self._seen.get(image_id)
        if image is None or not self._originals.is_there(image):
            image = self._originals.get(image_id)
            _remember(self._seen, image_id, image, most=_IMAGES_REMEMBERED)
        return image

    def _wanted(self, image: Image, transform: Transform, taken: Collection[Format]) -> Wanted:
        resolved = resolve(transform, image.facts, taken, self._qualities)
        return Wanted(image, resolved, (image.id, resolved.transform.key))

    def is_current(self, wanted: Wanted) -> bool:
        """Tell whether a variant that was found is surely still good; then it counts as a hit.

        So cheap that it may be asked on the hub.
        """
        is_current = self._originals.is_there(wanted.image) and self._store.has(*wanted.key)
        self.counts.hits += is_current
        return is_current

    def make(self, wanted: Wanted) -> Variant | None:
        """Make a variant that was not kept, unless another process has made it.

        Returns: it, with its bytes, for any number of clients that waited for it; None for a large
            one that is kept now: each client finds it.
        Raises: ImageNotFound, ImageDamaged, TooManyPixels, TooManyFrames, VariantFailed, Busy.
        """
        why, until_ms = self._failed.get(wanted.key, ("", 0))
        if self._clock.now_ms() < until_ms:
            raise VariantFailed(why)
        with self._store.only_one(*wanted.key):
            if self._store.has(*wanted.key) or self._store.fetch(*wanted.key):
                return None
            data = self._render(wanted)
            made_s = self._clock.now_ms() // 1000
            # What cannot be kept is sent all the same.
            with contextlib.suppress(StorageUnavailable, StorageFull):
                self._store.put(*wanted.key, data, made_s=made_s)
        self._check_not_deleted(wanted.image)
        if len(data) > _READ_AT_ONCE_BYTES and self._store.has(*wanted.key):
            return None
        return _variant(data, made_s, wanted)

    def _render(self, wanted: Wanted) -> bytes:
        try:
            return self._renders.render(wanted.image, wanted.transform)
        except VariantFailed as exc:
            until_ms = self._clock.now_ms() + _FAILED_FOR_MS
            _remember(self._failed, wanted.key, (exc.why, until_ms), most=_FAILURES_REMEMBERED)
            raise

    def _check_not_deleted(self, image: Image) -> None:
        """Take the variant back if its image was deleted while it was made."""
        if self._originals.is_there(image):
            return
        try:
            self._originals.get(image.id)
        except ImageNotFound:
            self._store.purge(image.id)
            raise

    def _kept(self, wanted: Wanted) -> Variant | None:
        kept = self._store.open(*wanted.key)
        if kept is None:
            return None
        start = kept.file.read(_READ_AT_ONCE_BYTES + 1)
        file: BinaryIO | None = kept.file
        if len(start) <= _READ_AT_ONCE_BYTES:
            kept.file.close()
            file = None
        return replace(_variant(start, kept.made_s, wanted, file), path=kept.path)


def _remember(memory: dict[K, V], key: K, value: V, *, most: int) -> None:
    """Put a value in a bounded memory, in the oldest one's place. Several threads may at once."""
    while len(memory) >= most:
        with contextlib.suppress(StopIteration, RuntimeError):
            memory.pop(next(iter(memory)), None)
    memory[key] = value


def _variant(start: bytes, made_s: int, wanted: Wanted, file: BinaryIO | None = None) -> Variant:
    """Describe a variant: what it is, its bytes say.

    Args: start: all of it, or its beginning where it is a file.
    """
    size_bytes = len(start) if file is None else file.seek(0, os.SEEK_END)
    return Variant(
        content=file or start,
        size_bytes=size_bytes,
        format=sniff(start) or wanted.transform.format or Format.JPEG,
        # Made again it may have other bytes: by another version of an encoder, say.
        etag=f"{wanted.key[1]}-{made_s:x}-{size_bytes:x}",
        made=dt.datetime.fromtimestamp(made_s, dt.timezone.utc),
    )
