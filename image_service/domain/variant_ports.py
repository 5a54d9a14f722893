"""What variants are made and kept by: ports, as domain/ports.py has them for originals."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

from .formats import Format
from .image import PictureFacts
from .mezzanine import Use
from .transform import Transform


@dataclass(frozen=True)
class Rendering:
    """A variant's file. format is another than asked for where that cannot hold the size.

    mezzanine: the file of the original's, where it was asked for and could be made.
    """

    data: bytes
    format: Format
    width: int
    height: int
    mezzanine: bytes = field(default=b"", repr=False)


class Renderer(Protocol):
    """What makes variants, away from this process."""

    def render(
        self,
        data: bytes,
        facts: PictureFacts,
        transform: Transform,
        mezzanine: Use = Use.NONE,
    ) -> Rendering:
        """Return the variant of an original whose bytes these are; blocks until it is made.

        Args:
            transform: with format and quality resolved.
            mezzanine: whether data is the original's mezzanine, or that is made, too.
        Raises: CorruptImage, TooManyPixels, TooManyFrames; Busy when no worker could be had.
        """

    def check(self) -> None:
        """Raise StorageUnavailable when no worker lives."""


@dataclass(frozen=True)
class KeptVariant:
    """A variant that is kept: a seekable file, and the Unix time it was made.

    path: where its file is below the store's folder, "" if it has none.
    """

    file: BinaryIO
    made_s: int
    path: str = ""


class VariantStore(Protocol):
    """Where variants are kept until room is needed; all of it may be lost at any time.

    Every method may raise StorageUnavailable.
    """

    def open(self, image_id: str, name: str) -> KeptVariant | None:
        """Return an image's variant, or None. It counts as used now."""

    def has(self, image_id: str, name: str) -> bool:
        """Tell whether a variant is kept; it counts as used. So cheap that anybody may ask."""

    def fetch(self, image_id: str, name: str) -> bool:
        """Have a variant kept here that is kept elsewhere; tell whether it is."""

    def put(self, image_id: str, name: str, data: bytes, *, made_s: int) -> None:
        """Keep a variant; what was used longest ago goes where there are too many bytes.

        Nothing is kept that is larger than all there is room for.
        Args: made_s: Unix time.
        """

    def only_one(self, image_id: str, name: str) -> AbstractContextManager[None]:
        """Keep others, of any process, that want to make the same variant waiting, for a time."""

    def purge(self, image_id: str) -> None:
        """Remove all of an image's variants."""

    def usage(self) -> VariantUsage:
        """Return what is kept."""

    def sweep(self, known: Callable[[Collection[str]], set[str]]) -> None:
        """Note what was used, and remove what is too much or belongs to no image.

        Args: known: returns those of the given image ids which the catalogue has.
        """


@dataclass(frozen=True)
class VariantUsage:
    """How many variants are kept, their bytes, and how many more can be with nothing going."""

    files: int
    bytes: int
    room_bytes: int = field(default=0, compare=False)
