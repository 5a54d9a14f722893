"""Events: what happened to images, kept from the change until the broker has it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol

from .image import Image


class EventType(str, Enum):
    """What happened, as consumers subscribe to it."""

    UPLOADED = "image_uploaded"
    DELETED = "image_deleted"
    RESTORED = "image_restored"
    UPDATED = "image_updated"


class Cause(NamedTuple):
    """The call that an event comes of, "" where there is none or it is not traced."""

    call_id: str = ""
    traceparent: str = ""


NO_CAUSE = Cause()


@dataclass(frozen=True)
class Event:
    """One change of one image.

    number: its place; of one image's events a later one has a higher number. id: what consumers
    tell repetitions by. image: as it was after the change, or before it was removed for good.
    occurred_ms: Unix milliseconds. is_partial: whether image lacks what was too long to keep.
    """

    number: int
    id: str
    type: EventType
    image: Image
    occurred_ms: int
    cause: Cause = NO_CAUSE
    is_partial: bool = False


@dataclass(frozen=True)
class Backlog:
    """What waits. count: events, as they are numbered; oldest_ms: when the first occurred."""

    count: int = 0
    oldest_ms: int | None = None


class Outbox(Protocol):
    """Events that wait for the broker: written with the change, forgotten when it has them.

    Every method may raise StorageFull or StorageUnavailable.
    """

    def waiting(self, limit: int) -> list[Event]:
        """Return the first of them, in order."""

    def backlog(self) -> Backlog:
        """Return how many wait and since when, in constant time."""

    def forget(self, events: Collection[Event]) -> None:
        """Forget events that the broker has.

        The upload of an image that has been withdrawn since is taken back: its deletion waits then.
        """


class Turn(Protocol):
    """Whose turn it is, of several processes. One has it until it lets go, or ends."""

    def take(self) -> bool:
        """Take it if nobody else has it; tell whether it is ours now. Does not wait."""

    def release(self) -> None:
        """Let others have it."""
