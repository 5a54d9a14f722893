"""Nameko's side of the application: one in each container, and what services have injected."""

from __future__ import annotations

import functools
import gc
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import eventlet
from eventlet import tpool
from eventlet.greenthread import GreenThread
from nameko.extensions import DependencyProvider, SharedExtension

from . import memory
from .application import Application
from .config import read_settings, with_broker
from .domain.outcomes import Delivery
from .imaging.limits import GC_THRESHOLDS
from .manager import StorageManager
from .places import Place, place_in
from .sight import lag
from .sight.pressure import Pressure
from .sight.shared import WRITE_INTERVAL_S

DELIVERY_CONTEXT_KEY = "image_service_delivery"
"""Where the RPC entrypoint leaves a call's Delivery; never sent on to other services."""

_SHARED_THREADS = 16
_POLL_S = 0.02


class Core(SharedExtension):
    """Holds the Application of a Nameko container, for every extension that needs a part of it."""

    app: Application
    place: Place
    _watching: list[GreenThread]

    def __init__(self) -> None:
        super().__init__()
        self._users: list[Callable[[], bool]] = []
        self.pressure = Pressure()
        self.at_each_look: list[Callable[[], None]] = [self.pressure.beat]
        """What is done four times a second."""

    def wait_for(self, is_done: Callable[[], bool]) -> None:
        """Do not end the application before is_done(), or the time for stopping is over."""
        self._users.append(is_done)

    def setup(self) -> None:
        """Build and start the application before anything is served."""
        config = dict(self.container.config)
        self.place = place_in(config)
        folder = config_folder()
        settings = self.place.share_of(read_settings(config, folder))
        # For `nameko run`: the lanes connect with what stands there.
        self.container.config.update(with_broker(config, folder))
        memory.keep_freed()
        # Uploads, by RPC and as many by HTTP, and renders take a thread for as long as they last;
        # all else shares the others.
        longest = 2 * settings.upload_concurrency + settings.render_worker_count
        tpool.set_num_threads(longest + _SHARED_THREADS)
        self.app = Application(settings, self.place)
        self.app.start()

    def start(self) -> None:
        """Spare the garbage collector what stays for good: modules, tables, this application.

        A full collection goes over 110,000 such objects and holds every call up for 50 ms. The
        small ones cost an upload a twelfth of its time at Python's own thresholds.
        """
        app = self.app
        watching = functools.partial(lag.watch, app.meters.loop_lag, app.pace, self.at_each_look)
        self._watching = [eventlet.spawn(watching)]
        if not self.place.is_alone:
            self._watching.append(eventlet.spawn(self._write_numbers))
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)

    def stop(self) -> None:
        """End it after the last call, and the last answer and render that a client waits for."""
        deadline_s = time.monotonic() + self.app.settings.shutdown_timeout_s
        while not self._is_idle and time.monotonic() < deadline_s:
            eventlet.sleep(_POLL_S)
        for each in self._watching:
            each.kill()
        self.app.stop()

    def kill(self) -> None:
        """End it at once, if it ever began."""
        if hasattr(self, "app"):
            self.app.stop()

    @property
    def _is_idle(self) -> bool:
        return self.app.renders.is_idle and all(is_done() for is_done in self._users)

    def _write_numbers(self) -> None:
        while True:
            eventlet.sleep(WRITE_INTERVAL_S)
            self.app.numbers.write(self.app.own_numbers())


class CoreProvider(DependencyProvider):
    """Base of the providers that inject a part of the application."""

    core = Core()


class StorageProvider(CoreProvider):
    """Injects the StorageManager: `storage = StorageProvider()`."""

    def get_dependency(self, worker_ctx: Any) -> StorageManager:  # noqa: ARG002
        """See DependencyProvider."""
        return self.core.app.manager


class ApplicationProvider(CoreProvider):
    """Injects the whole Application, for health and settings."""

    def get_dependency(self, worker_ctx: Any) -> Application:  # noqa: ARG002
        """See DependencyProvider."""
        return self.core.app


class DeliveryProvider(DependencyProvider):
    """Injects how the call came: `delivery = DeliveryProvider()`."""

    def get_dependency(self, worker_ctx: Any) -> Delivery | None:
        """See DependencyProvider."""
        return cast("Delivery | None", worker_ctx.data.pop(DELIVERY_CONTEXT_KEY, None))


def config_folder(arguments: list[str] | None = None) -> Path:
    """Return the folder of config.yaml, in which relative paths begin.

    Nameko hands over what the file says but not where it is: that stands on the command line
    alone. Without --config it is the current folder.
    """
    words = sys.argv if arguments is None else arguments
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word == "--config" and following:
            return Path(following).absolute().parent
        if word.startswith("--config="):
            return Path(word.partition("=")[2]).absolute().parent
    return Path.cwd()
