"""The service's methods straight on a store, without a broker, beside a service or without one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from .application import Application
from .backends import has_catalogue
from .client.api import ImageApi
from .domain.outcomes import Delivery
from .errors import StorageUnavailable
from .inprocess import InProcess
from .native import threading
from .rpc.downloads import Downloads, Links
from .settings import Settings


class _Direct(InProcess):
    """Calls for any native threads; those that may render, one at a time: flights are green."""

    def __init__(self, **dependencies: Any) -> None:
        super().__init__(**dependencies)
        self._rendering = threading.Lock()

    def call(
        self, method: str, arguments: Mapping[str, Any], timeout_s: float
    ) -> Mapping[str, Any]:
        """See Caller.call."""
        if method != "download_image":
            return super().call(method, arguments, timeout_s)
        with self._rendering:
            return super().call(method, arguments, timeout_s)


@contextlib.contextmanager
def opened_images(
    settings: Settings, context_data: Mapping[str, Any], *, may_be_new: bool = False
) -> Iterator[ImageApi]:
    """Open the store that settings name, for the methods that clients call.

    Args:
        context_data: as of every call; owner_key names the owner in it.
        may_be_new: make a store where there is none.
    Raises: StorageUnavailable where there is none, or another machine is at it.
    """
    if not may_be_new and not has_catalogue(settings):
        raise StorageUnavailable(f"there is no catalogue for upload_dir {settings.upload_dir}")
    app = _created(settings)
    try:
        yield ImageApi(_caller(app, context_data.get(settings.owner_key)), attempts=1)
    finally:
        app.stop()


def _created(settings: Settings) -> Application:
    try:
        app = Application(settings, is_green=False)
    except OSError as exc:
        raise StorageUnavailable(f"its state_dir: {exc.strerror}") from exc
    try:
        app.start()
    except BaseException:
        app.stop()
        raise
    return app


def _caller(app: Application, owner: Any) -> _Direct:
    settings = app.settings
    return _Direct(
        storage=app.manager,
        app=app,
        delivery=Delivery(owner=owner),
        links=Links(app.signer, settings.presets, lambda: app.clock.now_ms() // 1000),
        downloads=Downloads(
            app.manager,
            app.variants,
            app.renders,
            presets=settings.presets,
            max_bytes=settings.max_upload_bytes,
            max_rendering=1,
            call_off_hub=lambda work, *args: work(*args),
        ),
    )
