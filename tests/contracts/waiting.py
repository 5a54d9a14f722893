"""Waiting for what happens in other threads or processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from image_service import native


def until(condition: Callable[[], Any], timeout_s: float = 20) -> None:
    """Return once condition() is true; fail when it is not in time."""
    deadline_s = native.time.monotonic() + timeout_s
    while not condition():
        assert native.time.monotonic() < deadline_s, "waited in vain"
        native.time.sleep(0.005)
