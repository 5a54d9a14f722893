"""What is removed from a picture before it is stored."""

from __future__ import annotations

import enum


class Strip(enum.Enum):
    """How much of a picture's metadata is removed; the value is the word used in settings."""

    NONE = "none"
    LOCATION = "location"
    ALL = "all"
