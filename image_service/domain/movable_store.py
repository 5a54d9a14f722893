"""What a store of originals needs beyond a BlobStore to be one of two, while they move."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from .ports import BlobStore


class MovableStore(BlobStore, Protocol):
    """A BlobStore that can be one of two while originals move from one to the other."""

    lists_in_order: bool
    """Whether names() is in order, but for a few."""

    @property
    def is_at_rest(self) -> bool:
        """Whether this process is storing and removing nothing."""

    def prepare(self) -> None:
        """Make what is missing, learn what is not known yet."""

    def present(self, names: Collection[str]) -> set[str]:
        """Return those of some names whose blobs are here, settled or in the trash.

        Cheap where they are near each other in order.
        """

    def under_way(self) -> set[str]:
        """Return the names that anybody is storing or removing, or was when he died."""

    def drop(self, name: str) -> None:
        """Remove a blob that its image has elsewhere; what is in quarantine stays."""
