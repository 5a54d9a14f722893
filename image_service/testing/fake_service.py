"""The service itself, in this process and in memory: what `FakeImages` calls."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import msgpack

from ..client.caller import SERVICE_NAME
from ..client.errors import CallRefused, ServiceNotRunning
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
from ..manager import StorageManager
from ..renders import Renders
from ..rpc.downloads import Downloads, Links
from ..service import ImageService
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
    started_s: float = field(default_factory=time.monotonic)

    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)

    @property
    def health(self) -> Any:
        """What is always well."""
        report = HealthReport({name: CheckResult("ok") for name in _CHECKS})
        return SimpleNamespace(report=lambda: report)


class FakeService:
    """A Caller that carries calls no further than to an ImageService on fakes of its ports."""

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
        manager = _manager(settings, clock, variant_store, InlineEngine(limits))
        renders = Renders(
            manager, InlineRenderer(limits), variant_store, clock, keeps_mezzanines=False
        )
        variants = Variants(manager, renders, variant_store, clock, settings.qualities)
        self._service = _filled(
            storage=manager,
            app=_Application(settings, clock, manager, variants.counts),
            delivery=Delivery(owner=context_data.get(settings.owner_key)),
            links=Links(
                Signer([], allow_unsigned=True), settings.presets, lambda: clock.now_ms() // 1000
            ),
            downloads=_downloads(settings, manager, variants),
        )

    def call(
        self,
        method: str,
        arguments: Mapping[str, Any],
        timeout_s: float,  # noqa: ARG002 - nothing here waits
    ) -> Mapping[str, Any]:
        """See Caller.call. What goes in and out is made msgpack of, as on the wire."""
        call = self._method(method)
        sent = _carried(dict(arguments))
        try:
            inspect.signature(call).bind(**sent)
        except TypeError as exc:
            raise CallRefused(method, f"IncorrectSignature: {exc}") from exc
        reply: Mapping[str, Any] = _carried(call(**sent))
        return reply

    def close(self) -> None:
        """See Caller.close."""

    def _method(self, name: str) -> Callable[..., dict[str, Any]]:
        method: Any = getattr(ImageService, name, None)
        if not getattr(method, "nameko_entrypoints", None):
            raise ServiceNotRunning(f"{SERVICE_NAME}.{name}")
        bound: Callable[..., dict[str, Any]] = getattr(self._service, name)
        return bound


def _manager(
    settings: Settings, clock: Clock, variants: MemoryVariants, engine: InlineEngine
) -> StorageManager:
    return StorageManager(
        MemoryStore(),
        MemoryCatalogue(),
        engine,
        clock,
        variants,
        max_upload_bytes=settings.max_upload_bytes,
        idempotency_window_s=settings.idempotency_window_s,
        trash_retention_days=settings.trash_retention_days,
        retention_days=settings.retention_days,
        quotas=settings.quotas,
        strip=settings.strip_metadata,
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


def _filled(**dependencies: Any) -> ImageService:
    """Return a service with these dependencies; what else it has does nothing."""
    service = ImageService()
    for name, value in vars(ImageService).items():
        if hasattr(value, "get_dependency"):
            setattr(service, name, dependencies.get(name, MagicMock(name=name)))
    return service


def _carried(value: Any) -> Any:
    """Return a value as it arrives after a way over the wire."""
    return msgpack.unpackb(msgpack.packb(value), strict_map_key=False)
