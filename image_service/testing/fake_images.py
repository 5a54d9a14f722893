"""FakeImages: for the tests of services and scripts that use image_service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..client.api import TIMEOUT_S, ImageApi
from ..domain.ports import Clock


class FakeImages(ImageApi):
    """What `Images` injects and `ImageClient` is, without broker, disk and processes.

    Pictures are checked, described and transformed as the service does it, by its own code on
    stores in memory; errors are raised as the real ones are. Nothing is shared between two fakes.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        context_data: Mapping[str, Any] | None = None,
        timeout_s: float = TIMEOUT_S,
        attempts: int = 1,
        **settings: Any,
    ) -> None:
        """Args:
        clock: a FixedClock to move; the machine's own if None.
        context_data: as of every call, {"user_id": "ada"}.
        settings: as in config.yaml, trash_retention_days=7.
        """
        # Here and not above: it brings Pillow and the whole service with it.
        from ..clock import SystemClock
        from .fake_service import FakeService

        service = FakeService(settings, clock or SystemClock(), context_data or {})
        super().__init__(service, timeout_s=timeout_s, attempts=attempts)
