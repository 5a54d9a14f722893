"""The one guard of metadata: whatever is wrong with a part of it, the rest still counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
D = TypeVar("D")


def guarded(default: D, work: Callable[..., T], *args: object) -> T | D:
    """Return work(*args), or default when that raises anything but MemoryError."""
    try:
        return work(*args)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - hostile metadata makes parsers raise anything
        return default
