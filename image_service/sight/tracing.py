"""OpenTelemetry's traces of calls, where the extra `otel` is installed and OTEL_* asks for them.

The SDK takes locks that eventlet has made green, so native threads never touch it: what happens
there is noted as parts of a call, and told to it on the hub when the call has ended.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, cast

from ..errors import ImageServiceError
from .calls import Call, current

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer

T = TypeVar("T")

Attributes = Mapping[str, "str | int | float | bool"]
CARRIED = ("traceparent", "tracestate")
"""The headers that carry a trace (W3C Trace Context), of HTTP requests and of messages."""

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_NAME = "image_service"
_MOST_PARTS = 200


@dataclass(slots=True)
class Part:
    """Something that was done for a call: from when to when, in ns of Unix time, within what."""

    name: str
    parent: Part | None
    begun_ns: int
    ended_ns: int = 0
    error: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)


class Trace:
    """A call's span, and the parts of it that are told when it ends."""

    def __init__(self, span: Span) -> None:
        self.span = span
        self.parts: list[Part] = []
        about = span.get_span_context()
        self.traceparent = f"00-{about.trace_id:032x}-{about.span_id:016x}-{about.trace_flags:02x}"


_within: ContextVar[Part | None] = ContextVar("image_service_part", default=None)


@contextlib.contextmanager
def part(name: str, **attributes: str | int) -> Iterator[None]:
    """Note what is done meanwhile as a part of the current call, in whatever thread."""
    call = current()
    if call is None or call.trace is None or len(call.trace.parts) >= _MOST_PARTS:
        yield
        return
    noted = Part(name, _within.get(), time.time_ns(), attributes=dict(attributes))
    call.trace.parts.append(noted)
    token = _within.set(noted)
    try:
        yield
    except BaseException as exc:
        noted.error = exc.code if isinstance(exc, ImageServiceError) else type(exc).__name__
        raise
    finally:
        noted.ended_ns = time.time_ns()
        _within.reset(token)


def note(name: str, seconds: float, outcome: str) -> None:
    """Note what has just been done for the current call as a part of it, in whatever thread."""
    call = current()
    if call is not None and call.trace is not None:
        ended_ns = time.time_ns()
        begun_ns = ended_ns - int(seconds * 1e9)
        facts = {"outcome": outcome}
        call.trace.parts.append(Part(name, _within.get(), begun_ns, ended_ns, attributes=facts))


class _Traced:
    """An object whose methods are parts of calls."""

    def __init__(self, name: str, traced: object) -> None:
        self._name, self._traced = name, traced

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._traced, name)
        if not callable(found):
            return found
        what = f"{self._name}.{name}"

        def method(*args: Any, **kwargs: Any) -> Any:
            with part(what):
                return found(*args, **kwargs)

        setattr(self, name, method)
        return method


class Tracing:
    """Begins and ends the traces of calls; without a provider there are none, and it is free."""

    def __init__(self, provider: TracerProvider | None = None) -> None:
        self._provider = provider
        self._tracer: Tracer | None = None
        if provider:
            from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

            self._tracer = provider.get_tracer(_NAME)
            self._propagator = TraceContextTextMapPropagator()

    @property
    def is_on(self) -> bool:
        """Whether calls are traced."""
        return self._tracer is not None

    def traced(self, name: str, collaborator: T) -> T:
        """Return the same whose calls are parts named name.method; itself where it is off."""
        return cast(T, _Traced(name, collaborator)) if self.is_on else collaborator

    def begin(
        self, call: Call, name: str, carried: Mapping[str, Any], attributes: Attributes
    ) -> None:
        """Begin a call's trace, or go on with that of carried, headers of CARRIED. On the hub."""
        if self._tracer is None:
            return
        from opentelemetry.trace import SpanKind

        headers = {key: value for key, value in carried.items() if isinstance(value, str)}
        span = self._tracer.start_span(
            name,
            context=self._propagator.extract(headers),
            kind=SpanKind.SERVER,
            attributes=dict(attributes),
        )
        if span.is_recording():
            call.trace = Trace(span)
            call.trace_id = format(span.get_span_context().trace_id, "032x")

    def carried_by(self, call: Call | None) -> dict[str, str]:
        """Return the headers that say which trace a call belongs to."""
        if self._tracer is None or call is None or call.trace is None:
            return {}
        from opentelemetry.trace import set_span_in_context

        headers: dict[str, str] = {}
        self._propagator.inject(headers, context=set_span_in_context(call.trace.span))
        return headers

    def end(
        self, call: Call | None, code: str, attributes: Attributes, *, is_failure: bool
    ) -> None:
        """End a call's trace and tell its parts. On the hub. Args: code: "ok", or an error's."""
        if self._tracer is None or call is None or call.trace is None:
            return
        trace, call.trace = call.trace, None
        self._tell_parts(trace)
        trace.span.set_attributes(dict(attributes))
        if code != "ok":
            trace.span.set_attribute("error.type", code)
        if is_failure:
            _mark(trace.span, code)
        trace.span.end()

    def _tell_parts(self, trace: Trace) -> None:
        from opentelemetry.trace import set_span_in_context

        assert self._tracer is not None
        spans: dict[int, Span] = {}
        for each in trace.parts:  # parents come before what is in them
            above = spans.get(id(each.parent), trace.span)
            spans[id(each)] = self._tracer.start_span(
                each.name,
                context=set_span_in_context(above),
                start_time=each.begun_ns,
                attributes=each.attributes,
            )
        for each in trace.parts:
            span = spans[id(each)]
            if each.error:
                _mark(span, each.error)
            span.end(each.ended_ns or time.time_ns())

    def stop(self) -> None:
        """Send what was not yet sent."""
        if self._provider:
            self._provider.shutdown()


def _mark(span: Span, code: str) -> None:
    from opentelemetry.trace import Status, StatusCode

    span.set_status(Status(StatusCode.ERROR, code))


def is_asked_for(environment: Mapping[str, str] = os.environ) -> bool:
    """Tell whether OTEL_* variables name a place that traces go to."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    named = environment.get("OTEL_TRACES_EXPORTER", "").strip()
    return named != "none" and bool(named or any(environment.get(key) for key in _ENDPOINTS))


def create(version: str, tell: Callable[[str], object]) -> Tracing:
    """Return the tracing that the environment asks for.

    Args: tell: is told in words where it asks for what is not there.
    """
    if not is_asked_for():
        return Tracing()
    try:
        exporter = _exporter(os.environ.get("OTEL_TRACES_EXPORTER", "").strip() or "otlp")
    except ImportError:
        tell("OTEL_* asks for traces, which need OpenTelemetry: pip install 'image-service[otel]'")
        return Tracing()
    if exporter is None:
        tell("there are no traces: OTEL_TRACES_EXPORTER must be otlp, console or none")
        return Tracing()
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    named = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": _NAME}
    resource = Resource.create({**named, "service.version": version})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return Tracing(provider)


def _exporter(name: str) -> Any:
    """Return an exporter by its name in OTEL_TRACES_EXPORTER, None for one there is not.

    Raises: ImportError where it is not installed.
    """
    from opentelemetry.sdk.trace.export import ConsoleSpanExporter

    if name == "console":
        return ConsoleSpanExporter()
    if name not in ("otlp", "otlp_proto_http"):
        return None
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter()
