"""What each process tells of itself: its counters, and what it takes of the machine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from .tallies import PREFIX, Tally

_LOOKUPS = f"{PREFIX}variant_lookups"


def of_process(asked: Metric, tallies: Iterable[Tally]) -> Iterator[Metric]:
    """Yield the numbers of this process. Args: asked: what lookups() returns."""
    yield GaugeMetricFamily(f"{PREFIX}processes", "Service processes that live.", value=1)
    yield asked
    for tally in tallies:
        yield tally.family()
    yield from ProcessCollector(registry=None).collect()
    yield from GCCollector(registry=CollectorRegistry()).collect()


def lookups(hits: int, misses: int) -> Metric:
    """Return how often variants were found, and how often not."""
    told = CounterMetricFamily(_LOOKUPS, "Variants that were asked for.", labels=["result"])
    told.add_metric(["hit"], hits)
    told.add_metric(["miss"], misses)
    return told


def lookups_in(families: Iterable[Metric]) -> tuple[int, int]:
    """Return of lookups() what was found and what not, added up."""
    counts = {
        sample.labels["result"]: int(sample.value)
        for family in families
        if family.name == _LOOKUPS
        for sample in family.samples
    }
    return counts.get("hit", 0), counts.get("miss", 0)
