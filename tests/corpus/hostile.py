"""What a hostile file is: how to make it, and what may become of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

DAMAGED = frozenset(("corrupt_image", "truncated_image"))
OVERSIZED = frozenset(("too_many_pixels",))
OVERLONG = frozenset(("too_many_frames",))
UNKNOWN = frozenset(("unsupported_format",))
OVERSCANNED = frozenset(("too_many_scans",))
OVERDESCRIBED = frozenset(("metadata_too_large",))
REFUSED = DAMAGED | OVERSIZED | OVERLONG | OVERSCANNED | OVERDESCRIBED
"""The error codes that looking at a picture can end in, by what is wrong with it."""


@dataclass(frozen=True)
class HostileFile:
    """One file made to do harm.

    name: "kind/what it is", of no other file; make: makes its bytes; note: what it is after.
    codes: errors it may be refused with; may_pass: it may be accepted.
    soak: it takes long to make or to look at, or is one of very many.
    """

    name: str
    make: Callable[[], bytes]
    note: str
    codes: frozenset[str] = DAMAGED
    may_pass: bool = False
    soak: bool = False

    @property
    def data(self) -> bytes:
        """Its bytes, made anew each time: all of them would not fit the memory."""
        return self.make()

    def allows(self, outcome: str) -> bool:
        """Tell whether outcome, an error's code or "accepted", is what may become of it."""
        return self.may_pass if outcome == "accepted" else outcome in self.codes

    @property
    def allowed(self) -> str:
        """What may become of it, in words."""
        return " or ".join([*(["accepted"] if self.may_pass else []), *sorted(self.codes)])
