"""`GET /metrics`: what the store holds, what this process does, and how its checks are."""

from __future__ import annotations

import contextlib
import datetime as dt
import platform
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from .. import __version__
from ..application import Application
from ..domain.outcomes import Usage
from ..errors import ImageServiceError
from ..settings import Settings
from ..sight.tallies import PREFIX, Tally
from ..variants import CacheCounts

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_CHECKS = ("storage", "catalogue", "broker", "workers")


class _Told:
    """A collector of what was gathered."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        """Return the metrics."""
        return self._metrics


def page(app: Application) -> bytes:
    """Return the page. What the store holds is left out while it cannot be asked."""
    return text(families(app))


def text(metrics: Iterable[Metric]) -> bytes:
    """Return metrics as Prometheus reads them."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Told(list(metrics)))
    return generate_latest(registry)


def families(app: Application) -> Iterator[Metric]:
    """Return everything that is told. On the hub, within a second."""
    report = app.health.report()
    checks = {name: result.status == "ok" for name, result in report.checks.items()}
    usage = None
    with contextlib.suppress(ImageServiceError):  # the checks tell why
        usage = app.manager.usage()
    return families_of(checks, usage, app.settings, app.cache_counts, app.integrity, app.meters.all)


def families_of(
    checks: Mapping[str, bool],
    usage: Usage | None,
    settings: Settings,
    counts: CacheCounts,
    last: Mapping[str, Any] | None,
    tallies: Iterable[Tally],
) -> Iterator[Metric]:
    """Yield everything that is told.

    Args:
        checks: whether each passed. usage: None where the store cannot be asked.
        counts: of this process's cache; last: how the last verification ended, see ScrubLog.
    """
    yield from _about(checks)
    if usage:
        yield from _store(usage)
    yield from _settings(settings)
    yield _lookups(counts)
    yield from _verification(last)
    for tally in tallies:
        yield tally.family()
    yield from ProcessCollector(registry=None).collect()
    yield from GCCollector(registry=CollectorRegistry()).collect()


def _about(checks: Mapping[str, bool]) -> Iterator[Metric]:
    info = GaugeMetricFamily(
        f"{PREFIX}info",
        "Which version runs on which Python; always 1.",
        labels=["version", "python"],
    )
    info.add_metric([__version__, platform.python_version()], 1)
    yield info
    passed = GaugeMetricFamily(
        f"{PREFIX}check_passed", "Whether a check of health_check passed, 1 or 0.", labels=["check"]
    )
    for name in _CHECKS:
        passed.add_metric([name], checks.get(name, False))
    yield passed


def _store(usage: Usage) -> Iterator[Metric]:
    gauges: dict[str, tuple[str, float | None]] = {
        "images": ("Images that are stored, those in the trash apart.", usage.files),
        "bytes": ("Bytes of their originals.", usage.bytes),
        "trashed_images": ("Images in the trash.", usage.trashed_files),
        "trashed_bytes": ("Bytes of their originals.", usage.trashed_bytes),
        "free_bytes": ("Room on the disk of the originals.", usage.free_bytes),
        "cache_bytes": ("Bytes of variants that are kept.", usage.cached_bytes),
    }
    for name, (told, value) in gauges.items():
        if value is not None:  # object storage tells of no room
            yield GaugeMetricFamily(PREFIX + name, told, value=value)


def _settings(settings: Settings) -> Iterator[Metric]:
    quota = settings.quotas.store
    gauges: dict[str, tuple[str, float]] = {
        "quota_images": ("Images that may be stored, 0 for any number.", quota.files),
        "quota_bytes": ("Bytes that may be stored, 0 for any number.", quota.bytes),
        "min_free_bytes": ("Room that uploads leave on the disk.", settings.min_free_bytes),
        "cache_limit_bytes": ("Bytes of variants that may be kept.", settings.cache_bytes),
        "scrub_bytes_per_second": (
            "How fast stored images are verified in the background, 0 for not at all.",
            settings.scrub_bytes_per_s,
        ),
    }
    for name, (told, value) in gauges.items():
        yield GaugeMetricFamily(PREFIX + name, told, value=value)


def _lookups(counts: CacheCounts) -> Metric:
    lookups = CounterMetricFamily(
        f"{PREFIX}variant_lookups", "Variants asked of this process.", labels=["result"]
    )
    lookups.add_metric(["hit"], counts.hits)
    lookups.add_metric(["miss"], counts.misses)
    return lookups


def _verification(last: Mapping[str, Any] | None) -> Iterator[Metric]:
    ended = GaugeMetricFamily(
        f"{PREFIX}verified_timestamp_seconds", "When all images were last verified.", labels=[]
    )
    found = GaugeMetricFamily(
        f"{PREFIX}verified_images", "What that found of each image.", labels=["state"]
    )
    if last:
        ended.add_metric([], dt.datetime.fromisoformat(last["finishedAt"]).timestamp())
        wrong = last["damaged"] + last["missing"]
        found.add_metric(["sound"], last["images"] - wrong)
        found.add_metric(["damaged"], last["damaged"])
        found.add_metric(["missing"], last["missing"])
    yield ended
    yield found
