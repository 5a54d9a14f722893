"""How calls get to the service: what the client, the provider and the fake have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

SERVICE_NAME = "image_service"


class Caller(Protocol):
    """Carries one call to the service and its reply back."""

    def call(
        self, method: str, arguments: Mapping[str, Any], timeout_s: float
    ) -> Mapping[str, Any]:
        """Call a method by keywords and return its reply, failed or not.

        Raises:
            CallTimedOut, ServiceUnreachable: whether it was carried out is not known.
            ServiceNotRunning, CallRefused.
        """

    def close(self) -> None:
        """Let go of every connection; calls that are under way end as they will."""
