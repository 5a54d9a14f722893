"""Traces of calls and requests, by OpenTelemetry's own in-memory exporter."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from nameko.standalone.rpc import ClusterRpcProxy
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from image_service.sight import tracing
from tests.component.harness import RawCaller, Service, wait_until
from tests.component.pictures import picture
from tests.component.sight import Lines

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"
DATA = picture("png", (40, 30))


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """Where the traces of services go that are made from now on."""
    exporter = InMemorySpanExporter()
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "console")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    monkeypatch.setattr(tracing, "_exporter", lambda _: exporter)
    return exporter


def test_a_call_is_traced_from_the_callers_span_to_the_worker(
    make_service: Callable[..., Service],
    spans: InMemorySpanExporter,
    broker_uri: str,
    lines: Lines,
) -> None:
    make_service()
    with RawCaller(broker_uri) as raw:
        body = json.dumps({"args": [{"type": "Buffer", "data": list(DATA)}, "a.png"], "kwargs": {}})
        headers = {"traceparent": TRACEPARENT}
        raw.send(body.encode(), "upload_image", application_headers=headers)
        reply = raw.receive()
        assert json.loads(reply.body)["result"]["success"]
    done = {s.name: s for s in wait_until(spans.get_finished_spans)}
    root = done["image_service/upload_image"]
    assert format(root.context.trace_id, "032x") == TRACE
    assert format(root.parent.span_id, "016x") == PARENT
    assert reply.headers["traceparent"] == f"00-{TRACE}-{root.context.span_id:016x}-01"
    manager, worker = done["manager.add"], done["worker.analyse"]
    assert manager.parent.span_id == root.context.span_id
    for name in ("storage.put", "catalogue.add", "worker.analyse"):
        assert done[name].parent.span_id == manager.context.span_id, name
    assert manager.start_time <= done["storage.put"].start_time
    assert worker.end_time <= manager.end_time <= root.end_time
    assert worker.attributes["outcome"] == "ok"
    (line,) = lines.of(logger="image_service.access")
    assert line["trace_id"] == TRACE


def test_a_failed_request_is_traced_by_its_route(
    make_service: Callable[..., Service], spans: InMemorySpanExporter
) -> None:
    service = make_service()
    answer, _ = service.get(
        "/images/img_1700000000000_0123456789abcdef", {"traceparent": TRACEPARENT}
    )
    assert answer.status == 404
    done = {s.name: s for s in wait_until(spans.get_finished_spans)}
    root = done["GET /images/<image_id>"]
    assert format(root.context.trace_id, "032x") == TRACE
    assert root.attributes["http.response.status_code"] == 404
    assert root.attributes["error.type"] == "404"
    assert answer.headers["Server-Timing"] == (
        f'traceparent;desc="00-{TRACE}-{root.context.span_id:016x}-01"'
    )
    assert root.status.is_unset, "a caller's mistake is not an error of the server"
    assert done["manager.open"].status.description == "image_not_found"


def test_nameko_callers_send_their_trace_as_context_data(
    make_service: Callable[..., Service], spans: InMemorySpanExporter, broker_uri: str
) -> None:
    make_service()
    config = {"AMQP_URI": broker_uri, "serializer": "json"}
    with ClusterRpcProxy(config, context_data={"traceparent": TRACEPARENT}, timeout=20) as rpc:
        assert rpc.image_service.health_check()["success"]
    (root,) = wait_until(spans.get_finished_spans)
    assert format(root.context.trace_id, "032x") == TRACE


def test_nothing_is_traced_that_the_caller_does_not_sample(
    make_service: Callable[..., Service], spans: InMemorySpanExporter
) -> None:
    service = make_service()
    answer, _ = service.get("/healthz", {"traceparent": TRACEPARENT[:-1] + "0"})
    assert "Server-Timing" not in answer.headers
    service.get("/healthz", {"traceparent": TRACEPARENT})
    assert len(wait_until(spans.get_finished_spans)) == 1
