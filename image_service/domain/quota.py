"""Quotas: how many images and bytes may be stored, in all and of each owner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ..errors import QuotaExceeded


@dataclass(frozen=True)
class Used:
    """How many images are stored, and their bytes."""

    files: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class Quota:
    """The most that may be stored; 0 for any number. prefix: what its settings begin with."""

    files: int = 0
    bytes: int = 0
    prefix: str = ""

    @property
    def is_set(self) -> bool:
        """Whether there is anything to exceed."""
        return bool(self.files or self.bytes)

    def check(self, used: Used, size_bytes: int) -> None:
        """Raise QuotaExceeded if one more image of this size is too much beside what is there."""
        asked = (
            ("files", self.files, used.files, 1),
            ("bytes", self.bytes, used.bytes, size_bytes),
        )
        for what, limit, there, more in asked:
            if limit and there + more > limit:
                raise QuotaExceeded(f"{self.prefix}quota_{what}", limit, there, more)


@dataclass(frozen=True)
class Quotas:
    """What holds for the store as a whole, and for each owner in it."""

    store: Quota = field(default_factory=Quota)
    owner: Quota = field(default_factory=lambda: Quota(prefix="owner_"))

    def check(self, used: Callable[[str], Used], owner: str, size_bytes: int) -> None:
        """Raise QuotaExceeded if there is no room for one more image of this size.

        Args: used: returns what an owner has, all together for ""; asked only where it matters.
        """
        if self.store.is_set:
            self.store.check(used(""), size_bytes)
        if self.owner.is_set and owner:
            self.owner.check(used(owner), size_bytes)
