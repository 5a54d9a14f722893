"""Fakes of the ports and made pictures, for our tests and for those of services that use ours.

Nothing here is imported by the service itself; importing it costs nothing, PIL comes with the
first picture that is made.
"""

from .fake_images import FakeImages
from .fake_store import MemoryDisk, MemoryStore
from .fake_variants import MemoryVariants
from .fakes import (
    NOON_MS,
    FixedClock,
    InlineEngine,
    MemoryCatalogue,
    MemoryRecords,
)
from .pictures import avif, bmp, gif, heic, jpeg, make, png, tiff, webp

__all__ = [
    "NOON_MS",
    "FakeImages",
    "FixedClock",
    "InlineEngine",
    "MemoryCatalogue",
    "MemoryDisk",
    "MemoryRecords",
    "MemoryStore",
    "MemoryVariants",
    "avif",
    "bmp",
    "gif",
    "heic",
    "jpeg",
    "make",
    "png",
    "tiff",
    "webp",
]
