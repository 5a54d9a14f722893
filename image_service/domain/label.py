"""What goes with an original's bytes wherever they go: all that nobody could tell from them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import InvalidArgument
from . import arguments
from .filename import check_filename

MAX_LABEL_BYTES = 2048
"""What every file system has room for beside a file (ext4: a block of 4 KiB for all labels)."""


@dataclass(frozen=True)
class Label:
    """As of domain.image.Image."""

    filename: str = ""
    tags: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    owner: str = ""

    def to_bytes(self) -> bytes:
        """Return it as it is kept; what does not fit is left out, attributes first."""
        whole = {"f": self.filename, "o": self.owner, "t": self.tags, "a": dict(self.attributes)}
        told = {key: value for key, value in whole.items() if value}
        for key in ("a", "t", "o", "f"):
            packed = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
            if len(packed) <= MAX_LABEL_BYTES:
                return packed
            told.pop(key, None)
        return b""

    @classmethod
    def from_bytes(cls, packed: bytes) -> Label:
        """Return what to_bytes() made packed of; a label that cannot be read is an empty one."""
        try:
            told = json.loads(packed) if packed else {}
            return cls(
                check_filename(told["f"]) if "f" in told else "",
                arguments.tags(told.get("t")),
                arguments.attributes(told.get("a")),
                arguments.owner(told.get("o")),
            )
        except (ValueError, TypeError, AttributeError, InvalidArgument):
            return cls()
