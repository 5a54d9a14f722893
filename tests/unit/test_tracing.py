"""Whether there are traces, and what is noted for them."""

from __future__ import annotations

import sys

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from image_service.errors import StorageFull
from image_service.sight import calls, tracing
from image_service.sight.calls import Call
from image_service.sight.tracing import Tracing, create, is_asked_for, part

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@pytest.mark.parametrize(
    ("environment", "is_asked"),
    [
        ({}, False),
        ({ENDPOINT: "http://localhost:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://localhost:4318"}, True),
        ({"OTEL_TRACES_EXPORTER": "console"}, True),
        ({"OTEL_TRACES_EXPORTER": "none", ENDPOINT: "http://localhost:4318"}, False),
        ({"OTEL_SDK_DISABLED": "True", ENDPOINT: "http://localhost:4318"}, False),
        ({ENDPOINT: ""}, False),
    ],
)
def test_traces_are_asked_for_by_opentelemetrys_variables(
    environment: dict[str, str], is_asked: bool
) -> None:
    assert is_asked_for(environment) is is_asked


def test_without_opentelemetry_the_log_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(ENDPOINT, "http://localhost:4318")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace.export", None)
    told: list[str] = []
    assert not create("1", told.append).is_on
    assert told == [
        "OTEL_* asks for traces, which need OpenTelemetry: pip install 'image-service[otel]'"
    ]


def test_an_exporter_that_there_is_not_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "zipkin")
    told: list[str] = []
    assert not create("1", told.append).is_on
    assert told == ["there are no traces: OTEL_TRACES_EXPORTER must be otlp, console or none"]


def test_where_it_is_off_nothing_is_wrapped_or_noted() -> None:
    off, collaborator, call = Tracing(), object(), Call("a")
    off.begin(call, "a", {}, {})
    assert call.trace is None
    assert off.traced("storage", collaborator) is collaborator
    assert off.carried_by(call) == {}


def fail_within_a_part() -> None:
    with part("inner"):
        tracing.note("worker.render", 0.25, "timed_out")
        raise StorageFull


def test_parts_are_told_within_each_other_with_what_went_wrong() -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    on, call = Tracing(provider), Call("a")
    on.begin(call, "call", {}, {})
    calls.enter(call)
    try:
        with part("outer"), pytest.raises(StorageFull):
            fail_within_a_part()
    finally:
        calls.enter(None)
    assert not exporter.get_finished_spans(), "the SDK is told when the call has ended"
    on.end(call, "storage_full", {}, is_failure=True)
    spans = {span.name: span for span in exporter.get_finished_spans()}
    ids = {name: span.context.span_id for name, span in spans.items()}
    assert spans["outer"].parent.span_id == ids["call"]
    assert spans["inner"].parent.span_id == ids["outer"]
    assert spans["worker.render"].parent.span_id == ids["inner"]
    assert spans["inner"].status.description == "storage_full"
    assert spans["outer"].status.is_unset
    assert spans["call"].status.description == "storage_full"
    assert spans["worker.render"].end_time - spans["worker.render"].start_time == 250_000_000
