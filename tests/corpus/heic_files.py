"""HEIC made to do harm: sizes that lie, boxes that lie, large pictures of nothing."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import partial

from image_service.testing import heic

from .avif_files import with_box_length, with_bytes
from .hostile import REFUSED, HostileFile

_BOXES = (b"ftyp", b"meta", b"iloc", b"iprp", b"ipco", b"ipma", b"hvcC", b"mdat", b"iinf", b"pitm")


def files() -> Iterator[HostileFile]:
    """Yield all of them."""
    kind = "heic bomb"
    for width, height in ((16, 16), (7000, 7000), (12_000, 12_000), (2**31 - 1, 1), (0, 0)):
        claim = partial(with_bytes, b"ispe", 4, struct.pack(">II", width, height), of=heic)
        yield HostileFile(f"{kind}/{width:,} × {height:,} claimed of 64 × 48", claim, "memory",
                          REFUSED, may_pass=True)  # fmt: skip
    yield HostileFile(f"{kind}/20 MP", partial(heic, (5000, 4000)), "time", may_pass=True,
                      soak=True)  # fmt: skip
    kind = "heic structure"
    for name in _BOXES:
        for length in (0, 1, 8, 2**31, 2**32 - 1):
            make = partial(with_box_length, name, length, heic)
            yield HostileFile(f"{kind}/{name.decode()} of {length:,} B", make, "memory",
                              REFUSED | {"unsupported_format"}, may_pass=True)  # fmt: skip
