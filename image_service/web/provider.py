"""Injects what answers HTTP requests for pictures."""

from __future__ import annotations

from typing import Any, cast

from eventlet import tpool

from ..dependencies import CoreProvider
from .delivery import Originals


class OriginalsProvider(CoreProvider):
    """Injects Originals: `originals = OriginalsProvider()`."""

    def get_dependency(self, worker_ctx: Any) -> Originals:  # noqa: ARG002
        """See DependencyProvider."""
        app = self.core.app
        return Originals(
            app.manager,
            cache_control=app.settings.cache_control,
            call_off_hub=cast(Any, tpool.execute),
        )
