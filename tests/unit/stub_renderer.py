"""A renderer that renders nothing, for what decides about renders."""

from __future__ import annotations

from collections.abc import Callable

from image_service.domain.image import PictureFacts
from image_service.domain.mezzanine import Use
from image_service.domain.transform import Transform
from image_service.domain.variant_ports import Rendering
from image_service.errors import VariantFailed


class StubRenderer:
    """A Renderer that tells what it was given, and fails at what it is told to.

    data: what it makes. bad: the bytes that it cannot decode. failure: what it raises, whatever it
    is given. meanwhile: called once while it renders.
    """

    def __init__(self, data: bytes = b"made") -> None:
        self.data = data
        self.asked: list[tuple[bytes, Use]] = []
        self.bad: bytes | None = None
        self.failure: Exception | None = None
        self.meanwhile: Callable[[], object] | None = None

    def render(
        self,
        data: bytes,
        facts: PictureFacts,
        transform: Transform,
        mezzanine: Use = Use.NONE,
    ) -> Rendering:
        self.asked.append((data, mezzanine))
        if self.meanwhile:
            again, self.meanwhile = self.meanwhile, None
            again()
        if data == self.bad:
            raise VariantFailed("it is damaged")
        if self.failure:
            raise self.failure
        left = b"reduced" if mezzanine is Use.MAKE else b""
        return Rendering(self.data, transform.format or facts.format, 3, 2, left)

    def check(self) -> None:
        pass
