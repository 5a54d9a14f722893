"""`GET /metrics`: what the store holds and how its last verification ended, as Prometheus text."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from ..domain.outcomes import Usage
from ..domain.quota import Quotas
from ..variants import CacheCounts

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_PREFIX = "image_service_"


class _Store:
    """A collector of what is true at the moment it is asked."""

    def __init__(self, metrics: Iterator[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        return self._metrics


def text(
    usage: Usage, quotas: Quotas, counts: CacheCounts, last: Mapping[str, Any] | None
) -> bytes:
    """Return the page.

    Args: counts: of this process's cache; last: how the last verification ended, see ScrubLog.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Store(_metrics(usage, quotas, counts, last)))
    return generate_latest(registry)


def _metrics(
    usage: Usage, quotas: Quotas, counts: CacheCounts, last: Mapping[str, Any] | None
) -> Iterator[Metric]:
    gauges: dict[str, tuple[str, float]] = {
        "images": ("Images that are stored, those in the trash apart.", usage.files),
        "bytes": ("Bytes of their originals.", usage.bytes),
        "trashed_images": ("Images in the trash.", usage.trashed_files),
        "trashed_bytes": ("Bytes of their originals.", usage.trashed_bytes),
        "free_bytes": ("Room on the disk of the originals.", usage.free_bytes),
        "cache_bytes": ("Bytes of variants that are kept.", usage.cached_bytes),
        "quota_images": ("Images that may be stored, 0 for any number.", quotas.store.files),
        "quota_bytes": ("Bytes that may be stored, 0 for any number.", quotas.store.bytes),
    }
    for name, (told, value) in gauges.items():
        yield GaugeMetricFamily(_PREFIX + name, told, value=value)
    lookups = CounterMetricFamily(
        f"{_PREFIX}variant_lookups", "Variants asked of this process.", labels=["result"]
    )
    lookups.add_metric(["hit"], counts.hits)
    lookups.add_metric(["miss"], counts.misses)
    yield lookups
    if last:
        yield from _verification(last)


def _verification(last: Mapping[str, Any]) -> Iterator[Metric]:
    ended = dt.datetime.fromisoformat(last["finishedAt"]).timestamp()
    yield GaugeMetricFamily(
        f"{_PREFIX}verified_timestamp_seconds", "When all images were last verified.", value=ended
    )
    found = GaugeMetricFamily(
        f"{_PREFIX}verified_images", "What that found of each image.", labels=["state"]
    )
    wrong = last["damaged"] + last["missing"]
    found.add_metric(["sound"], last["images"] - wrong)
    found.add_metric(["damaged"], last["damaged"])
    found.add_metric(["missing"], last["missing"])
    yield found
