"""A page of the listing: what was asked, checked once, and the cursor that continues it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass, replace
from typing import Any, cast

from ..errors import InvalidArgument, InvalidImageId
from . import arguments
from .filename import MAX_FILENAME_CHARACTERS, fold
from .formats import EXTENSIONS, Format
from .image import Image, parse_image_ref

MAX_LIMIT = 1000
MAX_SKIP = 1_000_000
"""How many images a page may leave out before it: they are walked over."""
COUNTED_AT_MOST = 10_000
"""How far a filtered listing is counted; beyond it totalIsExact is false."""

ORDERS = ("createdAt", "filename", "sizeBytes")
# A folded filename may have 18 times its characters: U+FDFA is that many.
_MAX_CURSOR_CHARACTERS = 32_768
_MAX_BYTES = 2**63 - 1


@dataclass(frozen=True)
class ListQuery:
    """A checked question for a page.

    order: one of ORDERS; after: the (order value, id) of the last image of the page before.
    skip: how many images from there on the page leaves out, 0..MAX_SKIP.
    created_from_ms inclusive, created_until_ms exclusive; filename: folded text it contains.
    trashed: of what is in the trash, and not of the rest.
    """

    limit: int = MAX_LIMIT
    order: str = "createdAt"
    descending: bool = True
    after: tuple[Any, str] | None = None
    skip: int = 0
    format: Format | None = None
    tag: str | None = None
    filename: str | None = None
    created_from_ms: int | None = None
    created_until_ms: int | None = None
    min_bytes: int | None = None
    max_bytes: int | None = None
    trashed: bool = False

    @property
    def is_filtered(self) -> bool:
        """Tell whether anything narrows the listing."""
        unfiltered = {**_PAGING, "trashed": self.trashed}
        return replace(self, **unfiltered) != ListQuery(**unfiltered)

    def order_value(self, image: Image) -> int | str:
        """Return what image is ordered by."""
        if self.order == "filename":
            return fold(image.filename)
        return image.size_bytes if self.order == "sizeBytes" else image.created_ms

    def cursor_after(self, value: int | str, image_id: str) -> str:
        """Return the opaque text that continues this very query behind (value, image_id)."""
        parts = [self._fingerprint(), value, image_id]
        raw = json.dumps(parts, separators=(",", ":"), ensure_ascii=False)
        return base64.urlsafe_b64encode(raw.encode()).rstrip(b"=").decode()

    def continued(self, cursor: object) -> ListQuery:
        """Return this query behind cursor; None leaves it at the beginning.

        Raises: InvalidArgument if the cursor was not made by this same query.
        """
        if cursor is None:
            return self
        value, image_id = self._decode(cursor)
        return replace(self, after=(value, image_id))

    def _decode(self, cursor: object) -> tuple[Any, str]:
        if isinstance(cursor, str) and 0 < len(cursor) <= _MAX_CURSOR_CHARACTERS:
            try:
                raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
                fingerprint, value, last = json.loads(raw)
                image_id = parse_image_ref(last).id
            except (binascii.Error, ValueError, TypeError, RecursionError, InvalidImageId):
                pass
            else:
                if fingerprint == self._fingerprint() and self._is_order_value(value):
                    return value, image_id
        raise InvalidArgument(
            "cursor", "pass the nextCursor of the page before, with the same order and filters"
        )

    def _is_order_value(self, value: object) -> bool:
        if self.order == "filename":
            return isinstance(value, str) and arguments.is_clean(value)
        # A bool would pass for an int, and a huge one would overflow the database.
        is_integer = isinstance(value, int) and not isinstance(value, bool)
        return is_integer and -_MAX_BYTES <= cast(int, value) <= _MAX_BYTES

    def _fingerprint(self) -> str:
        query = replace(self, limit=MAX_LIMIT, after=None, skip=0)
        return hashlib.sha256(repr(query).encode()).hexdigest()[:12]


_PAGING: dict[str, Any] = {
    "limit": MAX_LIMIT,
    "order": "createdAt",
    "descending": True,
    "after": None,
    "skip": 0,
}


def parse_list_query(
    *,
    limit: object = MAX_LIMIT,
    cursor: object = None,
    skip: object = 0,
    order: object = "-createdAt",
    format: object = None,  # noqa: A002 - the contract's word
    tag: object = None,
    filename: object = None,
    created_after: object = None,
    created_before: object = None,
    min_bytes: object = None,
    max_bytes: object = None,
    trashed: object = False,
) -> ListQuery:
    """Return the checked query for list_images' arguments.

    Raises: InvalidArgument naming the argument and what it may be.
    """
    if not isinstance(order, str) or order.removeprefix("-") not in ORDERS:
        raise InvalidArgument("order", f"it must be one of {', '.join(ORDERS)}, or -… for reverse")
    query = ListQuery(
        limit=arguments.integer(limit, "limit", low=1, high=MAX_LIMIT),
        skip=arguments.integer(skip, "skip", low=0, high=MAX_SKIP),
        order=order.removeprefix("-"),
        descending=order.startswith("-"),
        format=_format(format),
        tag=_text(tag, "tag", arguments.MAX_LABEL_CHARACTERS),
        filename=_folded(filename),
        created_from_ms=arguments.moment_ms(created_after, "created_after", round_up=True),
        created_until_ms=arguments.moment_ms(created_before, "created_before", round_up=True),
        min_bytes=_bytes(min_bytes, "min_bytes"),
        max_bytes=_bytes(max_bytes, "max_bytes"),
        trashed=arguments.flag(trashed, "trashed"),
    )
    return query.continued(cursor)


def _format(value: object) -> Format | None:
    if value is None:
        return None
    found = EXTENSIONS.get(value.lower()) if isinstance(value, str) else None
    if not found:
        names = ", ".join(f.value for f in Format)
        raise InvalidArgument("format", f"it must be one of {names}")
    return found


def _text(value: object, name: str, max_characters: int) -> str | None:
    return None if value is None else arguments.text(value, name, max_characters=max_characters)


def _folded(value: object) -> str | None:
    checked = _text(value, "filename", MAX_FILENAME_CHARACTERS)
    return None if checked is None else fold(checked)


def _bytes(value: object, name: str) -> int | None:
    return None if value is None else arguments.integer(value, name, low=0, high=_MAX_BYTES)
