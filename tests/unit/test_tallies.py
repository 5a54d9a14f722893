"""Numbers that native threads and green ones count together."""

from __future__ import annotations

import eventlet
import pytest
from eventlet import tpool
from prometheus_client.parser import text_string_to_metric_families

from image_service.sight.meters import OTHER, Meters
from image_service.sight.tallies import Counter, Gauge, Histogram
from image_service.web.metrics import text


# By name, then the values of the labels in the order of their names.
def _samples(*tallies: Counter | Gauge | Histogram) -> dict[tuple[str, ...], float]:
    page = text(tally.family() for tally in tallies).decode()
    return {
        (sample.name.removeprefix("image_service_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def test_a_counter_tells_each_combination_of_labels() -> None:
    counter = Counter("calls", "Calls.", ("method", "code"))
    counter.add(("get", "ok"))
    counter.add(("get", "ok"), by=2)
    counter.add(("get", "busy"))
    assert _samples(counter) == {
        ("calls_total", "ok", "get"): 3,
        ("calls_total", "busy", "get"): 1,
    }


def test_a_counter_without_labels_begins_at_zero() -> None:
    assert _samples(Counter("commits", "Commits.")) == {("commits_total",): 0}


@pytest.mark.parametrize(
    ("value", "classes"),
    [(0.5, (1, 1, 1)), (1.0, (1, 1, 1)), (1.5, (0, 1, 1)), (3.0, (0, 0, 1))],
)
def test_a_histogram_counts_a_value_in_its_class_and_those_above(
    value: float, classes: tuple[int, ...]
) -> None:
    histogram = Histogram("took_seconds", "Time.", ends=(1.0, 2.0))
    histogram.add(value)
    samples = _samples(histogram)
    assert tuple(samples["took_seconds_bucket", end] for end in ("1.0", "2.0", "+Inf")) == classes
    assert samples["took_seconds_sum",] == value
    assert samples["took_seconds_count",] == histogram.count() == 1


def test_a_gauge_is_read_when_it_is_asked() -> None:
    waiting: list[int] = []
    gauge = Gauge("waiting", "Waiting.", ("pool",))
    gauge.follow(lambda: len(waiting), ("uploads",))
    waiting.append(1)
    assert _samples(gauge) == {("waiting", "uploads"): 1}


def test_native_threads_and_the_hub_count_together_and_nothing_is_lost() -> None:
    counter, histogram = Counter("n", "N.", ("who",)), Histogram("s_seconds", "S.")

    def count(who: str) -> None:
        for _ in range(2000):
            counter.add(("all",))
            counter.add((who,))
            histogram.add(0.1)

    threads = [eventlet.spawn(tpool.execute, count, f"native {n}") for n in range(8)]
    count("hub")
    with eventlet.Timeout(30):
        for thread in threads:
            thread.wait()
    assert counter.value(("all",)) == 9 * 2000
    assert counter.value(("native 3",)) == 2000
    assert histogram.count() == 9 * 2000


def test_methods_that_callers_make_up_share_a_label() -> None:
    meters = Meters()
    for method in ("BREW", "<script>", "get"):
        meters.http_ended(method, OTHER, 400, 0.1, (0, 10))
    assert _samples(meters.http_requests) == {("http_requests_total", "400", "other", "other"): 3}
