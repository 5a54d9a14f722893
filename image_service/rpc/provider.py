"""Injects what answers RPC calls for pictures."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, cast

from eventlet import tpool

from ..application import Application
from ..dependencies import CoreProvider
from ..domain.image import Image
from .downloads import Downloads, Links


class LinksProvider(CoreProvider):
    """Injects Links: `links = LinksProvider()`."""

    def get_dependency(self, worker_ctx: Any) -> Links:  # noqa: ARG002
        """See DependencyProvider."""
        app = self.core.app
        return Links(app.signer, app.settings.presets, lambda: app.clock.now_ms() // 1000)


class DownloadsProvider(CoreProvider):
    """Injects Downloads: `downloads = DownloadsProvider()`."""

    _downloads: Downloads

    def start(self) -> None:
        """Make the one there is: it counts."""
        app = self.core.app
        self._downloads = Downloads(
            app.manager,
            app.variants,
            app.renders,
            presets=app.settings.presets,
            max_bytes=app.settings.max_upload_bytes,
            # The rest of the lane is for uploads, and for what needs no render.
            max_rendering=max(1, app.settings.upload_concurrency // 2),
            call_off_hub=cast(Any, tpool.execute),
        )

    def get_dependency(self, worker_ctx: Any) -> Downloads:  # noqa: ARG002
        """See DependencyProvider."""
        return self._downloads


class EagerProvider(CoreProvider):
    """Injects what begins to make an image's variants, or what they need, ahead.

    `eager = EagerProvider()`
    """

    def get_dependency(self, worker_ctx: Any) -> Callable[[Image], None]:  # noqa: ARG002
        """See DependencyProvider."""
        return beginning(self.core.app, self.container)


def beginning(app: Application, container: Any) -> Callable[[Image], None]:
    """Return what begins to make a stored image's variants, or what they need, ahead."""
    spawn = functools.partial(container.spawn_managed_thread, identifier="eager variants")

    def begin(image: Image) -> None:
        app.eager.make(image, spawn)
        if app.settings.mezzanines == "upload":
            app.lulls.add(image, spawn)

    return begin
