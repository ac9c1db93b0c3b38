"""Traces on log lines and request IDs on spans, through OpenTelemetry's own SDK."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import partial
from threading import Thread
from typing import Any

import pytest
from flask import Flask
from opentelemetry import trace
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode

from tests.calls import call_freely as call
from tests.conftest import Log
from wsgi_observe import (
    Settings,
    current_traceparent,
    current_tracestate,
    log_context,
    observe,
)
from wsgi_observe.context import request_hooks
from wsgi_observe.flask import Observe
from wsgi_observe.opentelemetry import RedactingSpanProcessor, instrument
from wsgi_observe.outgoing import OutgoingCalls
from wsgi_observe.threads import copy_request_context
from wsgi_observe.trace_context import tracers

_log = logging.getLogger("shop")
IDS = ("trace_id", "span_id", "trace_flags")
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """What is exported; and nothing of ours is left hung up."""
    yield InMemorySpanExporter()
    request_hooks.clear()
    tracers.clear()


Provider = Callable[..., TracerProvider]


@pytest.fixture
def provider(spans: InMemorySpanExporter) -> Provider:
    def make(sampler: Any = ALWAYS_ON) -> TracerProvider:
        made = TracerProvider(sampler=sampler)
        made.add_span_processor(SimpleSpanProcessor(spans))
        instrument(made)
        return made

    return make


def shop(provider: TracerProvider) -> Flask:
    app = Flask("shop")
    tracer = provider.get_tracer("shop")

    @app.get("/work")
    def work() -> str:
        with tracer.start_as_current_span("child"):
            _log.info("within")  # the first line has the request's span, not this one
        _log.info("after")
        return "done"

    @app.get("/crash")
    def crash() -> Any:
        with tracer.start_as_current_span("child"):
            raise ValueError("no")

    @app.get("/stream")
    def stream() -> Any:
        def parts() -> Any:
            yield "some"
            raise ValueError("no")

        return parts()

    return app


def in_flask(provider: TracerProvider, wrap: Callable[[Flask], object]) -> Any:
    app = shop(provider)
    FlaskInstrumentor().instrument_app(app, tracer_provider=provider)
    wrap(app)
    return app


def by_observe(app: Flask) -> None:
    app.wsgi_app = observe(app.wsgi_app)  # type: ignore[method-assign]


def inside_the_stack(provider: TracerProvider) -> Any:
    app = shop(provider)
    return observe(OpenTelemetryMiddleware(app.wsgi_app, tracer_provider=provider))


def round_the_stack(provider: TracerProvider) -> Any:
    app = shop(provider)
    return OpenTelemetryMiddleware(observe(app.wsgi_app), tracer_provider=provider)


PLACES = {
    "Flask's, observe": lambda provider: in_flask(provider, by_observe),
    "Flask's, Observe": lambda provider: in_flask(provider, Observe),
    "WSGI's, inside": inside_the_stack,
    "WSGI's, outside": round_the_stack,
}


@pytest.mark.parametrize("path", ["/work", "/crash", "/stream", "/nowhere"])
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_every_line_of_a_request_tells_the_trace_of_its_span(
    place: Any, path: str, provider: Provider, spans: InMemorySpanExporter, log: Log
) -> None:
    app = place(provider())
    try:
        call(app, path, HTTP_X_REQUEST_ID="abc")
    except ValueError:
        assert path == "/stream"
    (server,) = [one for one in spans.get_finished_spans() if one.kind is SpanKind.SERVER]
    found = server.context
    # Newer SDKs set the flag for a random trace ID too (W3C Trace Context, level 2).
    flags = f"{found.trace_flags:02x}"
    expected = (f"{found.trace_id:032x}", f"{found.span_id:016x}", flags)
    assert flags in ("01", "03")
    lines = [line for line in log.lines if line.get("request_id") == "abc"]
    assert lines[-1]["logger"] == "wsgi_observe.access"
    assert len(lines) == {"/work": 3, "/nowhere": 1}.get(path, 2)
    assert {tuple(line[name] for name in IDS) for line in lines} == {expected}
    assert server.attributes is not None
    assert server.attributes["request_id"] == "abc"


@pytest.mark.parametrize(("path", "count"), [("/work", 3), ("/nowhere", 1)])
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_a_span_that_is_not_recorded_has_its_trace_on_the_lines_too(
    place: Any, path: str, count: int, provider: Provider, log: Log
) -> None:
    call(place(provider(ALWAYS_OFF)), path, HTTP_X_REQUEST_ID="abc")
    lines = [line for line in log.lines if line.get("request_id") == "abc"]
    assert len(lines) == count
    assert {line["trace_flags"] for line in lines} <= {"00", "02"}
    assert len({line["trace_id"] for line in lines}) == 1


def test_the_callers_trace_goes_on_with_a_span_of_ours(provider: Provider, log: Log) -> None:
    call(PLACES["Flask's, observe"](provider()), "/work", HTTP_TRACEPARENT=PARENT)
    assert log.access["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    assert log.access["span_id"] != "b7ad6b7169203331"


@pytest.mark.parametrize("path", ["/work", "/crash"])
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_the_tracers_span_wins_over_a_trace_of_ours(
    place: Any, path: str, provider: Provider, spans: InMemorySpanExporter, log: Log
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.test_opentelemetry.observe", partial(observe, trace="always"))
        patch.setattr("tests.test_opentelemetry.Observe", partial(Observe, trace="always"))
        app = place(provider())
    call(app, path, HTTP_X_REQUEST_ID="abc")
    (server,) = [one for one in spans.get_finished_spans() if one.kind is SpanKind.SERVER]
    lines = [line for line in log.lines if line.get("request_id") == "abc"]
    assert {line["trace_id"] for line in lines} == {f"{server.context.trace_id:032x}"}


def test_an_outgoing_call_has_the_current_span_as_its_parent(
    provider: Provider, spans: InMemorySpanExporter
) -> None:
    tracer = provider().get_tracer("shop")
    with log_context("job-7"), tracer.start_as_current_span("child"):
        parents = {
            current_traceparent(),
            dict(OutgoingCalls(Settings(propagate_to=["api"])).headers("api", 80, ()))[
                "traceparent"
            ],
        }
    (span,) = spans.get_finished_spans()
    ids = f"{span.context.trace_id:032x}-{span.context.span_id:016x}"
    assert parents == {f"00-{ids}-{span.context.trace_flags:02x}"}


def test_in_another_thread_it_has_the_requests_span(provider: Provider, log: Log) -> None:
    sent: list[Any] = []

    def app(environ: Any, start_response: Any) -> Any:
        with trace.use_span(trace.INVALID_SPAN):
            headers = OutgoingCalls(Settings(propagate_to=["api"])).headers("api", 80, ())
            sent.append((dict(headers)["traceparent"], current_tracestate()))
        start_response("200 OK", [])
        return []

    made = OpenTelemetryMiddleware(observe(app), tracer_provider=provider())
    call(made, HTTP_TRACEPARENT=PARENT, HTTP_TRACESTATE="congo=1")
    line = log.access
    parent = f"00-{line['trace_id']}-{line['span_id']}-{line['trace_flags']}"
    assert sent == [(parent, "congo=1")]


def test_a_job_tells_the_span_that_it_began(
    provider: Provider, spans: InMemorySpanExporter, log: Log
) -> None:
    tracer = provider().get_tracer("jobs")
    with log_context("job-7"), tracer.start_as_current_span("job"):
        _log.info("working")
    (span,) = spans.get_finished_spans()
    assert span.attributes == {"request_id": "job-7"}
    assert log.lines[0]["span_id"] == f"{span.context.span_id:016x}"


def test_instrumenting_twice_changes_nothing(
    provider: Provider, spans: InMemorySpanExporter, log: Log
) -> None:
    made = provider()
    instrument(made)
    assert len(request_hooks) == 1
    call(PLACES["Flask's, observe"](made), "/work")
    assert "trace_flags" in log.access


def test_a_provider_that_is_missing_is_said(
    spans: InMemorySpanExporter, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    instrument(trace.ProxyTracerProvider())
    (line,) = log.of("wsgi_observe.opentelemetry")
    assert line["level"] == "INFO"
    assert "call it again after set_tracer_provider()" in line["message"]


SECRET = "hunter2-canary"
QUERY = f"page=2&api%5Fkey={SECRET}"
ELSEWHERE = SpanContext(trace_id=7, span_id=9, is_remote=True)


def secret_span(processor: Any) -> None:
    resource = Resource({"service.name": "shop", "process.command_args": [f"--token={SECRET}"]})
    made = TracerProvider(resource=resource)
    made.add_span_processor(processor)
    link = Link(ELSEWHERE, {"user_password": SECRET, "page": 2})
    with made.get_tracer("shop").start_as_current_span(
        f"login token={SECRET}", links=[link]
    ) as one:
        one.set_attribute("http.request.header.authorization", [f"Bearer {SECRET}"])
        one.set_attribute("url.query", QUERY)
        one.set_attribute("url.full", f"https://jane:{SECRET}@shop.test/?{QUERY}")
        one.set_attribute("http.target", f"/orders?{QUERY}")
        one.set_attribute("db.statement", f"UPDATE users SET password='{SECRET}'")
        one.set_attribute("enduser.mail", "jane@shop.test")
        one.set_attribute("http.response.status_code", 200)
        one.set_attribute("order.ids", [1, 2])
        one.add_event("step", {"session_id": SECRET, "count": 3})
        one.record_exception(ValueError(f"password={SECRET}"))
        one.set_status(Status(StatusCode.ERROR, f"password={SECRET}"))


def test_no_secret_is_in_an_exported_span() -> None:
    raw, clean = InMemorySpanExporter(), InMemorySpanExporter()
    secret_span(SimpleSpanProcessor(raw))
    assert raw.get_finished_spans()[0].to_json().count(SECRET) > 10
    secret_span(RedactingSpanProcessor(SimpleSpanProcessor(clean)))
    shown = clean.get_finished_spans()[0].to_json()
    assert SECRET not in shown
    assert "jane@shop.test" not in shown


def test_what_is_no_secret_is_exported_as_it_was() -> None:
    raw, clean = InMemorySpanExporter(), InMemorySpanExporter()
    both = TracerProvider()
    both.add_span_processor(SimpleSpanProcessor(raw))
    both.add_span_processor(RedactingSpanProcessor(SimpleSpanProcessor(clean)))
    tracer = both.get_tracer("shop", "1.2")
    with (
        pytest.raises(ValueError, match="no"),
        tracer.start_as_current_span(
            "GET /orders",
            kind=SpanKind.SERVER,
            attributes={"url.path": "/orders", "http.response.status_code": 500, "ids": [1, 2]},
            links=[Link(ELSEWHERE, {"page": 2})],
        ),
    ):
        raise ValueError("no")
    assert facts(clean) == facts(raw)


def facts(exporter: InMemorySpanExporter) -> Any:
    span: ReadableSpan = exporter.get_finished_spans()[0]
    return span.to_json(), span.instrumentation_scope, span.dropped_attributes


def test_an_exporter_in_place_of_a_processor_is_refused() -> None:
    with pytest.raises(TypeError, match="wrap it in a BatchSpanProcessor"):
        RedactingSpanProcessor(InMemorySpanExporter())


def test_a_span_that_cannot_be_read_is_not_exported(spans: InMemorySpanExporter, log: Log) -> None:
    class Unreadable(Resource):
        @property
        def attributes(self) -> Any:
            raise OSError("gone")

    made = TracerProvider(resource=Unreadable({}))
    made.add_span_processor(RedactingSpanProcessor(SimpleSpanProcessor(spans)))
    for _ in range(2):
        with made.get_tracer("shop").start_as_current_span("work"):
            pass
    assert spans.get_finished_spans() == ()
    (line,) = log.warnings
    assert "logged once" in line["message"]


def test_a_thread_has_the_trace_of_its_request_though_no_line_was_logged_before(
    provider: Provider, log: Log
) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        thread = Thread(target=copy_request_context(_log.info), args=("within",))
        thread.start()
        thread.join()
        start_response("204 No Content", [])
        return []

    # A span that is not sampled is recorded when a line is made.
    call(observe(OpenTelemetryMiddleware(app, tracer_provider=provider(ALWAYS_OFF))))
    (line,) = log.of("shop")
    assert line["trace_id"] == log.access["trace_id"]
