"""The service itself, in this process and in memory: what `FakeImages` calls."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ..application import EventsState
from ..config import read_settings
from ..domain.image import PictureFacts
from ..domain.mezzanine import Use
from ..domain.outcomes import Delivery
from ..domain.ports import Clock
from ..domain.signing import Signer
from ..domain.transform import Transform
from ..domain.variant_ports import Rendering
from ..flights import Flights
from ..health import CheckResult, HealthReport
from ..imaging.limits import Limits
from ..inprocess import InProcess
from ..manager import StorageManager
from ..renders import Renders
from ..rpc.downloads import Downloads, Links
from ..settings import Settings
from ..variants import CacheCounts, Variant, Variants
from .fake_store import MemoryStore
from .fake_variants import MemoryVariants
from .fakes import InlineEngine, MemoryCatalogue

_CHECKS = ("storage", "catalogue", "broker", "workers")
_AT_ONCE = 8


class InlineRenderer:
    """A Renderer that makes variants in this process."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def render(
        self, data: bytes, facts: PictureFacts, transform: Transform, mezzanine: Use = Use.NONE
    ) -> Rendering:
        """See Renderer.render."""
        from ..imaging.render import Source, render

        return render(Source(data, facts, mezzanine), transform, self._limits)

    def check(self) -> None:
        """See Renderer.check."""


@dataclass
class _Application:
    """As much of an Application as RPC methods look at; what else one has is None here."""

    settings: Settings
    clock: Clock
    manager: StorageManager
    cache_counts: CacheCounts
    events: EventsState = field(default_factory=EventsState)
    started_s: float = field(default_factory=time.monotonic)

    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)

    @property
    def health(self) -> Any:
        """What is always well."""
        report = HealthReport({name: CheckResult("ok") for name in _CHECKS})
        return SimpleNamespace(report=lambda: report)


class FakeService(InProcess):
    """A Caller on an ImageService whose ports are fakes."""

    def __init__(
        self, config: Mapping[str, Any], clock: Clock, context_data: Mapping[str, Any]
    ) -> None:
        """Args:
        config: settings as config.yaml has them.
        context_data: of every call; owner_key names the owner in it.
        """
        settings = read_settings({**config, "events": False}, Path())  # there is nobody to tell
        limits = Limits.of(settings)
        variant_store = MemoryVariants()
        manager = StorageManager.of(
            settings, MemoryStore(), MemoryCatalogue(), InlineEngine(limits), clock, variant_store
        )
        renders = Renders(
            manager, InlineRenderer(limits), variant_store, clock, keeps_mezzanines=False
        )
        variants = Variants(manager, renders, variant_store, clock, settings.qualities)
        super().__init__(
            storage=manager,
            app=_Application(settings, clock, manager, variants.counts),
            delivery=Delivery(owner=context_data.get(settings.owner_key)),
            links=Links(
                Signer([], allow_unsigned=True), settings.presets, lambda: clock.now_ms() // 1000
            ),
            downloads=_downloads(settings, manager, variants),
        )


def _downloads(settings: Settings, manager: StorageManager, variants: Variants) -> Downloads:
    flights: Flights[Variant | None] = Flights(at_once=_AT_ONCE, max_waiting=_AT_ONCE)
    return Downloads(
        manager,
        variants,
        flights,
        presets=settings.presets,
        max_bytes=settings.max_upload_bytes,
        max_rendering=_AT_ONCE,
        call_off_hub=lambda work, *args: work(*args),
    )
