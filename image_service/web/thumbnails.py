"""Addresses of small variants beside each image of a listing, made without asking anybody."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from ..domain.arguments import integer
from ..domain.original_url import SignedOriginals
from ..domain.signing import Signer
from ..errors import Forbidden, InvalidArgument
from ..rpc.shapes import ImageReply, Listed
from .parameters import number

MAX_WIDTHS = 4
MIN_PX, MAX_PX = 16, 2048

_MORE = MAX_WIDTHS - 1
Widths = Annotated[
    str,
    Field(
        pattern=rf"^[0-9]+(,[0-9]+){{0,{_MORE}}}$",
        description=f"One to {MAX_WIDTHS} widths with commas between, {MIN_PX} to {MAX_PX} px: "
        "each image comes with addresses of such small variants.",
    ),
]
"""The parameter that asks for them."""


def read_widths(name: str, value: str) -> list[int]:
    """Return the widths in "160,320", px. Raises: InvalidArgument."""
    parts = value.split(",")
    if len(parts) > MAX_WIDTHS:
        raise InvalidArgument(name, f"there are more than {MAX_WIDTHS}")
    return [integer(number(name, part.strip()), name, low=MIN_PX, high=MAX_PX) for part in parts]


class Thumbnails:
    """Makes them, signed where there are keys."""

    def __init__(self, signer: Signer, prefix: str, signed: SignedOriginals | None) -> None:
        """Args: prefix: what the urls begin with. signed: they end when originals' urls do."""
        self._signer = signer
        self._prefix = prefix
        self._signed = signed

    def add(self, images: Sequence[Listed | ImageReply], widths: Sequence[int]) -> None:
        """Give each image, as replies have it, `thumbnails`: [{width, url}], one for each width.

        Each fits into a square of that width, and is not larger than the original. Without keys,
        where unsigned ones are refused, there are none. No widths leave images as they are.
        """
        if not widths:
            return
        until = f"/exp:{self._signed.expires_s()}" if self._signed else ""
        for image in images:
            try:
                image["thumbnails"] = [
                    {"width": width, "url": self._url(image["imageId"], width, until)}
                    for width in widths
                ]
            except Forbidden:
                image["thumbnails"] = []

    def _url(self, image_id: str, width: int, until: str) -> str:
        path = f"/rs:fit:{width}:{width}{until}/plain/{image_id}"
        return f"{self._prefix}/img/{self._signer.sign(path)}{path}"
