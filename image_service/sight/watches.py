"""What tells the meters of worker pools and renders, and the current call's trace with them."""

from __future__ import annotations

import time
from collections.abc import Iterable

from ..domain.image import PictureFacts
from ..domain.mezzanine import Use
from ..domain.transform import Transform
from ..domain.variant_ports import Renderer, Rendering
from ..errors import ImageServiceError
from . import tracing
from .meters import Meters


class PoolMeter:
    """A PoolWatch that counts."""

    def __init__(self, meters: Meters, pool: str, reasons: Iterable[str]) -> None:
        """Args: pool: the pool's name as a label; reasons: why its workers may be replaced."""
        self._meters, self._pool = meters, pool
        for reason in reasons:  # Prometheus sees no increase in what was not there before
            meters.worker_restarts.add((pool, reason), by=0)

    def ended(self, job: str, outcome: str, begun_s: float) -> None:
        """See PoolWatch."""
        seconds = time.perf_counter() - begun_s
        self._meters.worker_jobs.add((self._pool, job, outcome))
        self._meters.worker_seconds.add(seconds, (self._pool, job))
        tracing.note(f"worker.{job}", seconds, outcome)

    def refused(self, job: str) -> None:
        """See PoolWatch."""
        self._meters.worker_jobs.add((self._pool, job, "busy"))

    def replaced(self, reason: str) -> None:
        """See PoolWatch."""
        self._meters.worker_restarts.add((self._pool, reason))


class MeteredRenderer:
    """A Renderer that counts."""

    def __init__(self, renderer: Renderer, meters: Meters) -> None:
        self._renderer, self._meters = renderer, meters

    def render(
        self, data: bytes, facts: PictureFacts, transform: Transform, mezzanine: Use = Use.NONE
    ) -> Rendering:
        """See Renderer.render."""
        source = "mezzanine" if mezzanine is Use.SOURCE else "original"
        format_ = transform.format.value if transform.format else "auto"
        begun_s = time.perf_counter()
        outcome = "failed"
        try:
            rendering = self._renderer.render(data, facts, transform, mezzanine)
            format_, outcome = rendering.format.value, "ok"
            return rendering
        except ImageServiceError as exc:
            outcome = exc.code
            raise
        finally:
            self._meters.renders.add((format_, source, outcome))
            seconds = time.perf_counter() - begun_s
            self._meters.render_seconds.add(seconds, (format_, source))

    def check(self) -> None:
        """See Renderer.check."""
        self._renderer.check()
