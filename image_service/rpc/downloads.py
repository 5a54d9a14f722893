"""Pictures over RPC: addresses of them, and their bytes in messages."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from ..domain import arguments
from ..domain.formats import Format
from ..domain.signing import Signer
from ..domain.transform_options import Asked, parse_options
from ..domain.variant_url import make_path, spell_options, split_options
from ..errors import Busy, ImageDamaged, InvalidArgument
from ..flights import Flights
from ..making import make_shared
from ..manager import StorageManager
from ..variants import Variant, Variants

MAX_EXPIRY_S = 10 * 366 * 86_400
MOST_BYTES = 2**53
# What comes after the year 9999 cannot be told as a date.
_LAST_S = 253_402_300_799

URL_PREFIX = "/img"


@dataclass(frozen=True)
class Download:
    """A part of a picture's file: data from offset on, of total_bytes."""

    image_id: str
    data: bytes
    offset: int
    total_bytes: int
    format: Format


class Links:
    """Makes the addresses of variants."""

    def __init__(
        self, signer: Signer, presets: Mapping[str, str], now_s: Callable[[], int]
    ) -> None:
        self._signer = signer
        self._presets = presets
        self._now_s = now_s

    def variant(
        self, image_id: str, transform: object, expires_in_s: object
    ) -> tuple[str, int | None]:
        """Return a variant's path, signed where there is a key, and the Unix time it ends.

        Args:
            transform: options or a mapping of them; None for the original.
            expires_in_s: 1..MAX_EXPIRY_S, None for never.
        Raises: InvalidArgument, InvalidImageId.
        """
        options = "raw:1" if transform is None else spell_options(transform)
        # Read in any case: an address that answers nothing but an error is refused here.
        asked_s = read_transform(options, self._presets).expires_s
        expires_s = asked_s if asked_s and asked_s <= _LAST_S else None
        if expires_in_s is not None:
            seconds = arguments.integer(expires_in_s, "expires_in_s", low=1, high=MAX_EXPIRY_S)
            ends_s = self._now_s() + seconds
            return URL_PREFIX + make_path(image_id, options, self._signer, expires_s=ends_s), ends_s
        return URL_PREFIX + make_path(image_id, options, self._signer), expires_s


def read_transform(options: str, presets: Mapping[str, str]) -> Asked:
    """Return what options ask for. Raises: InvalidArgument."""
    return parse_options(split_options(options), presets)


class Downloads:
    """Reads originals and variants for replies."""

    def __init__(
        self,
        manager: StorageManager,
        variants: Variants,
        flights: Flights[Variant | None],
        *,
        presets: Mapping[str, str],
        max_bytes: int,
        max_rendering: int,
        call_off_hub: Callable[..., Any],
    ) -> None:
        """Args:
        max_bytes: how much one reply carries.
        max_rendering: how many calls may wait for renders at a time.
        """
        self._manager = manager
        self._variants = variants
        self._flights = flights
        self._presets = presets
        self._max_bytes = max_bytes
        self._max_rendering = max_rendering
        self._rendering = 0
        self._call_off_hub = call_off_hub

    def read(self, image_id: object, transform: object, offset: object, length: object) -> Download:
        """Return a part of an image's file, or of a variant's.

        Args:
            transform: options or a mapping of them; None for the original.
            offset: where it begins, in bytes; length: how many at most, None for all that one
                reply carries.
        Raises: InvalidArgument; and whatever finding or making the picture raises.
        """
        start = arguments.integer(offset, "offset", low=0, high=MOST_BYTES)
        count = self._max_bytes
        if length is not None:
            count = min(count, arguments.integer(length, "length", low=0, high=MOST_BYTES))
        asked = (
            None if transform is None else read_transform(spell_options(transform), self._presets)
        )
        if asked is None or asked.is_raw:
            return self._original(image_id, start, count)
        return self._variant(image_id, asked, start, count)

    def _original(self, image_id: object, start: int, count: int) -> Download:
        image, file = self._manager.open(image_id)
        size_bytes, data = self._call_off_hub(_read_part, file, start, count)
        if size_bytes != image.size_bytes:
            raise ImageDamaged(image.id)
        return self._part(image.id, data, start, size_bytes, image.facts.format)

    def _variant(self, image_id: object, asked: Asked, start: int, count: int) -> Download:
        find = functools.partial(self._variants.find, image_id, asked.transform)
        wanted, variant = find()
        if asked.skips(wanted.image.facts.format):
            if variant:
                variant.close()
            return self._original(image_id, start, count)
        if variant is None:
            with self._turn():
                wanted, variant = make_shared(self._variants, self._flights, wanted, find)
        if isinstance(variant.content, bytes):
            data = variant.content[start : start + count]
        else:
            _, data = self._call_off_hub(_read_part, variant.content, start, count)
        return self._part(wanted.image.id, data, start, variant.size_bytes, variant.format)

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        """Let no more calls wait for renders than leaves others room. Raises: Busy."""
        if self._rendering >= self._max_rendering:
            raise Busy(f"{self._rendering} downloads wait for pictures that are being made")
        self._rendering += 1
        try:
            yield
        finally:
            self._rendering -= 1

    def _part(
        self, image_id: str, data: bytes, start: int, size_bytes: int, format_: Format
    ) -> Download:
        if start > size_bytes:
            raise InvalidArgument("offset", f"{start} is beyond the file's {size_bytes} bytes")
        return Download(image_id, data, start, size_bytes, format_)


def _read_part(file: BinaryIO, start: int, count: int) -> tuple[int, bytes]:
    with file:
        size_bytes = file.seek(0, os.SEEK_END)
        file.seek(min(start, size_bytes))
        return size_bytes, file.read(count)
