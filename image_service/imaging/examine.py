"""All that is wanted of a picture, in one go: facts, description, fingerprint, stripping."""

from __future__ import annotations

from PIL import Image

from ..domain.description import Description
from ..domain.fingerprint import Fingerprint
from ..domain.formats import Format
from ..domain.image import Findings
from ..domain.strip import Strip
from ..errors import CorruptImage
from . import fingerprint, metadata, probe, smart, vips
from .limits import Limits
from .strip import CannotStrip, strip


def set_up(limits: Limits) -> None:
    """Load decoders, codecs and tables. Once per process; later it may open no files."""
    probe.set_up(limits)
    metadata.warm_up()
    fingerprint.warm_up()
    smart.warm_up()
    vips.load()


def examine(data: bytes, expected: Format, limits: Limits, *, strip_mode: Strip) -> Findings:
    """Return everything about a picture, and what is left of it after strip_mode.

    Args:
        data: the whole file. expected: the format that its first bytes are of.
    Raises: CorruptImage, TruncatedImage, TooManyPixels, TooManyFrames.
    """
    look = _Look()
    facts = probe.probe(data, expected, limits, look)
    if strip_mode is Strip.NONE:
        return Findings(facts, look.description, look.fingerprint)
    try:
        left = strip(data, expected, strip_mode)
    except CannotStrip as exc:
        raise CorruptImage(f"its metadata cannot be removed: {exc.why}") from exc
    if left.data is data:
        return Findings(facts, look.description, look.fingerprint)
    # Told as it is stored: what was removed is in no reply and no catalogue.
    stored = _Look()
    facts = probe.probe(left.data, expected, limits, stored)
    return Findings(
        facts, stored.description, stored.fingerprint, data=left.data, removed=left.removed
    )


class _Look(probe.Look):
    """Describes a picture and takes its fingerprint."""

    description: Description
    fingerprint: Fingerprint

    def described(self, description: Description) -> None:
        """See Look."""
        self.description = description

    def decoded(self, picture: Image.Image, orientation: int) -> None:
        """See Look."""
        self.fingerprint = fingerprint.fingerprint(picture, orientation=orientation)
