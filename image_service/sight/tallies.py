"""Numbers that native threads and green ones count together, told in prometheus-client's families.

prometheus-client's own counters hold locks of `threading`, which eventlet has made green: a native
thread that waits for one waits for ever. These hold the system's, for a few instructions in which
nothing is called that could switch or wait, so that nobody waits for them noticeably.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from ..native import threading

PREFIX = "image_service_"

DURATIONS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper ends of the classes in which durations are counted, in seconds."""

Labels = tuple[str, ...]
"""Values of a tally's labels in their order. Few, and none that a caller can make up."""


class Tally(Protocol):
    """Anything that is told to Prometheus."""

    name: str
    """Without prefix, and without the _total of counters."""
    told: str
    labels: Sequence[str]

    def family(self) -> Metric:
        """Return what there is at this moment."""


class Counter:
    """What only grows."""

    def __init__(self, name: str, told: str, labels: Sequence[str] = ()) -> None:
        self.name, self.told, self.labels = name, told, labels
        self._values: dict[Labels, float] = {} if labels else {(): 0}
        self._lock = threading.Lock()

    def add(self, labels: Labels = (), by: float = 1) -> None:
        """Count so many more, in whatever thread."""
        with self._lock:
            self._values[labels] = self._values.get(labels, 0) + by

    def value(self, labels: Labels = ()) -> float:
        """Return what was counted for these labels."""
        return self._values.get(labels, 0)

    def family(self) -> CounterMetricFamily:
        """See Tally."""
        with self._lock:
            values = dict(self._values)
        family = CounterMetricFamily(PREFIX + self.name, self.told, labels=self.labels)
        for labels, value in values.items():
            family.add_metric(labels, value)
        return family


class Gauge:
    """What is as it is when it is asked."""

    def __init__(self, name: str, told: str, labels: Sequence[str] = ()) -> None:
        self.name, self.told, self.labels = name, told, labels
        self._reads: dict[Labels, Callable[[], float]] = {}

    def follow(self, read: Callable[[], float], labels: Labels = ()) -> None:
        """Ask read, on the hub, whenever the numbers are asked for; it must not wait."""
        self._reads[labels] = read

    def family(self) -> GaugeMetricFamily:
        """See Tally."""
        family = GaugeMetricFamily(PREFIX + self.name, self.told, labels=self.labels)
        for labels, read in list(self._reads.items()):
            family.add_metric(labels, read())
        return family


class Histogram:
    """How long things took, in classes."""

    def __init__(
        self,
        name: str,
        told: str,
        labels: Sequence[str] = (),
        *,
        ends: Sequence[float] = DURATIONS_S,
    ) -> None:
        """Args: ends: the upper end of each class, growing; one without end follows."""
        self.name, self.told, self.labels = name, told, labels
        self._ends = tuple(ends)
        self._values: dict[Labels, list[float]] = {}
        self._lock = threading.Lock()

    def add(self, value: float, labels: Labels = ()) -> None:
        """Count one more, in whatever thread."""
        place = bisect.bisect_left(self._ends, value)
        with self._lock:
            counts = self._values.get(labels)
            if counts is None:
                counts = self._values[labels] = [0.0] * (len(self._ends) + 2)
            counts[place] += 1
            counts[-1] += value

    def count(self, labels: Labels = ()) -> int:
        """Return how many were counted for these labels."""
        return int(sum(self._values.get(labels, [0])[:-1]))

    def family(self) -> HistogramMetricFamily:
        """See Tally."""
        with self._lock:
            values = {labels: list(counts) for labels, counts in self._values.items()}
        family = HistogramMetricFamily(PREFIX + self.name, self.told, labels=self.labels)
        for labels, (*counts, total) in values.items():
            family.add_metric(labels, list(self._classes(counts)), total)
        return family

    def _classes(self, counts: Sequence[float]) -> Iterator[tuple[str, float]]:
        there = 0.0
        for end, count in zip((*map(str, self._ends), "+Inf"), counts, strict=True):
            there += count
            yield end, there
