"""Which formats can be decoded here: Pillow's own, and what an optional package adds."""

from __future__ import annotations

import contextlib
import importlib.util
import io

from PIL import Image

from ..domain.formats import OPTIONAL, Format

_HEIF_PACKAGE = "pi_heif"
_HEIF_PLUGIN = "HEIF"


def accepted_formats() -> frozenset[Format]:
    """Return the formats of this installation; loads no decoder."""
    optional = OPTIONAL if importlib.util.find_spec(_HEIF_PACKAGE) else frozenset()
    return frozenset(Format) - OPTIONAL | optional


def load() -> None:
    """Load all decoders there are. Once per process; later it may open no files."""
    Image.init()
    with contextlib.suppress(ImportError):
        import pi_heif

        # In one thread: processor time is counted, and there is a worker for each processor.
        pi_heif.register_heif_opener(
            decode_threads=1, thumbnails=False, depth_images=False, aux_images=False
        )


def opened(data: bytes, format_: Format) -> Image.Image:
    """Return the picture in data, opened by its format's decoder and no other.

    Raises: whatever that decoder raises.
    """
    if format_ is Format.HEIC:
        # Not by Image.open(): it looks at the first of a file's brands alone.
        factory, _ = Image.OPEN[_HEIF_PLUGIN]
        return factory(io.BytesIO(data), "")
    return Image.open(io.BytesIO(data), formats=[format_.name])
