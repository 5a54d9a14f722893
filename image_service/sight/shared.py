"""The numbers of all processes of one machine, whichever of them is asked.

Each keeps its own in files that prometheus-client's multi-process mode reads: written every five
seconds and whenever it is asked, so that no request pays for it. What a process told is told for
ever: the one that takes its place goes on from its files, and no sum ever falls.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from prometheus_client.core import Metric
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.samples import Sample

from ..mapped import make_room

WRITE_INTERVAL_S = 5.0
"""More often than anybody asks: with nothing to do but this, once takes 3 ms of processor time."""

# Of these the least is true of all together; of all other gauges it is the sum.
_LEAST = ("broker_up", "start_time_seconds", "max_fds")
_SUMMED = ("counter", "histogram")
_LEAST_KIND, _SUM_KIND = "gauge_livemin", "gauge_livesum"
_KINDS = (*_SUMMED, _LEAST_KIND, _SUM_KIND)
# Several times what there is to tell: a file that grew would have no room on the disk for that.
_ROOM_BYTES = 512 * 1024

Key = tuple[str, tuple[tuple[str, str], ...]]


class Numbers(Protocol):
    """Makes the numbers of one process those of all."""

    def write(self, families: Iterable[Metric]) -> None:
        """Keep what this process counted, for the others."""

    def of_all(self, families: Iterable[Metric]) -> Iterable[Metric]:
        """Return the numbers of all processes. Args: families: those of this process."""


class OwnNumbers:
    """The Numbers of a process alone."""

    def write(self, families: Iterable[Metric]) -> None:
        """See Numbers.write."""

    def of_all(self, families: Iterable[Metric]) -> Iterable[Metric]:
        """See Numbers.of_all."""
        return families


class SharedNumbers:
    """The Numbers of a process beside others. For one thread."""

    def __init__(self, folder: Path, name: str) -> None:
        """Args: folder: one for all; name: of this process, which no living one has.

        Raises: OSError.
        """
        self._folder = folder
        forget_gauges(folder, name)
        self._files: dict[str, MmapedDict] = {}
        for kind in _KINDS:
            path = folder / f"{kind}_{name}.db"
            make_room(path, _ROOM_BYTES)
            self._files[kind] = MmapedDict(str(path))
        self._bases: dict[Key, float] = {}
        self._written: dict[Key, float] = {}
        self._keys: dict[Key, str] = {}

    def write(self, families: Iterable[Metric]) -> None:
        """See Numbers.write."""
        for family in families:
            file = self._file_of(family)
            for sample in _samples(family):
                key = (sample.name, tuple(sample.labels.items()))
                if key not in self._keys:
                    self._enter(key, family, file)
                if self._written.get(key) != sample.value:
                    self._written[key] = sample.value
                    file.write_value(self._keys[key], self._bases[key] + sample.value, 0.0)

    def of_all(self, families: Iterable[Metric]) -> Iterable[Metric]:
        """See Numbers.of_all."""
        self.write(families)
        told: Iterable[Metric] = MultiProcessCollector(None, str(self._folder)).collect()
        return sorted(told, key=lambda family: family.name)

    def _enter(self, key: Key, family: Metric, file: MmapedDict) -> None:
        name, labels = key
        names, values = [each for each, _ in labels], [each for _, each in labels]
        self._keys[key] = mmap_key(family.name, name, names, values, family.documentation)
        before = file.read_value(self._keys[key])[0]
        self._bases[key] = before if family.type in _SUMMED else 0.0

    def _file_of(self, family: Metric) -> MmapedDict:
        kind = family.type
        if kind == "gauge":
            kind = _LEAST_KIND if family.name.endswith(_LEAST) else _SUM_KIND
        return self._files[kind]


def forget_gauges(folder: Path, name: str) -> None:
    """Take away what is not true of a dead process any more; what it counted stays."""
    with contextlib.suppress(FileNotFoundError):
        mark_process_dead(name, str(folder))


def _samples(family: Metric) -> Iterator[Sample]:
    """Yield what is kept of a family: of histograms each class by itself."""
    if family.type != "histogram":
        yield from family.samples
        return
    there = 0.0
    for sample in family.samples:
        if sample.name.endswith("_bucket"):
            yield sample._replace(value=sample.value - there)
            there = 0.0 if sample.labels["le"] == "+Inf" else sample.value
        elif sample.name.endswith("_sum"):
            yield sample
