"""The numbers of several processes, whichever of them is asked."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from prometheus_client.core import Metric

from image_service.sight.families import lookups, lookups_in
from image_service.sight.shared import OwnNumbers, SharedNumbers, forget_gauges
from image_service.sight.tallies import Counter, Gauge, Histogram

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


class Process:
    """One process's tallies, and what it tells of all."""

    def __init__(self, folder: Path, name: str) -> None:
        self.calls = Counter("calls", "Calls.", ("code",))
        self.seconds = Histogram("seconds", "Durations.", ends=(0.1, 1.0))
        self.busy = 0
        self._gauges = [Gauge("busy", "Calls in hand."), Gauge("broker_up", "Connected.")]
        self._gauges[0].follow(lambda: self.busy)
        self.is_up = True
        self._gauges[1].follow(lambda: self.is_up)
        self._numbers = SharedNumbers(folder, name)

    def _families(self) -> Iterable[Metric]:
        return [each.family() for each in (self.calls, self.seconds, *self._gauges)]

    def write(self) -> None:
        self._numbers.write(self._families())

    def told(self) -> Samples:
        return {
            (sample.name.removeprefix("image_service_"), tuple(sorted(sample.labels.items()))): (
                sample.value
            )
            for family in self._numbers.of_all(self._families())
            for sample in family.samples
        }


def test_counters_and_histograms_are_added_up(tmp_path: Path) -> None:
    first, second = Process(tmp_path, "1a"), Process(tmp_path, "2a")
    first.calls.add(("ok",), by=3)
    second.calls.add(("ok",))
    second.calls.add(("busy",))
    for seconds in (0.05, 0.5):
        first.seconds.add(seconds)
    second.seconds.add(5)
    second.write()
    told = first.told()
    assert told["calls_total", (("code", "ok"),)] == 4
    assert told["calls_total", (("code", "busy"),)] == 1
    ends = [told["seconds_bucket", (("le", le),)] for le in ("0.1", "1.0", "+Inf")]
    assert ends == [1, 2, 3]
    assert told["seconds_count", ()] == 3
    assert told["seconds_sum", ()] == 5.55


def test_gauges_are_of_those_that_live(tmp_path: Path) -> None:
    first, second = Process(tmp_path, "1a"), Process(tmp_path, "2a")
    first.busy, second.busy, second.is_up = 2, 5, False
    second.write()
    assert first.told()["busy", ()] == 7
    assert first.told()["broker_up", ()] == 0
    forget_gauges(tmp_path, "2a")
    assert first.told()["busy", ()] == 2
    assert first.told()["broker_up", ()] == 1


def test_no_sum_falls_when_a_process_dies_and_another_takes_its_name(tmp_path: Path) -> None:
    first, second = Process(tmp_path, "1a"), Process(tmp_path, "2a")
    for process in (first, second):
        process.calls.add(("ok",), by=10)
        process.seconds.add(0.5)
        process.write()
    forget_gauges(tmp_path, "2a")
    assert first.told()["calls_total", (("code", "ok"),)] == 20
    again = Process(tmp_path, "2a")
    again.calls.add(("ok",))
    again.seconds.add(0.05)
    told = again.told()
    assert told["calls_total", (("code", "ok"),)] == 21
    assert [told["seconds_bucket", (("le", le),)] for le in ("0.1", "1.0")] == [1, 3]


def test_what_is_written_twice_counts_once(tmp_path: Path) -> None:
    process = Process(tmp_path, "1a")
    process.calls.add(("ok",))
    process.seconds.add(0.5)
    process.write()
    process.write()
    assert process.told()["calls_total", (("code", "ok"),)] == 1
    assert process.told()["seconds_count", ()] == 1


def test_lookups_of_all_processes_are_found_again(tmp_path: Path) -> None:
    SharedNumbers(tmp_path, "1a").write([lookups(3, 1)])
    assert lookups_in(SharedNumbers(tmp_path, "2a").of_all([lookups(2, 5)])) == (5, 6)
    assert lookups_in(OwnNumbers().of_all([lookups(2, 5)])) == (2, 5)
