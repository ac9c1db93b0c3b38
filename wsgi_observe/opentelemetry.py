"""OpenTelemetry integration: trace IDs on log lines, request IDs on spans, redacted spans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from weakref import WeakSet

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import Event, ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter
from opentelemetry.trace import Link, Status

from wsgi_observe._loggers import get_logger
from wsgi_observe._safely import call_safely
from wsgi_observe.context import RequestContext, current_context, request_hooks
from wsgi_observe.redaction import URLS, Redactor
from wsgi_observe.redaction.path_secrets import with_request_secrets
from wsgi_observe.trace_context import tracers

__all__ = ["RedactingSpanProcessor", "instrument"]

_log = get_logger("wsgi_observe.opentelemetry")
_instrumented_providers: WeakSet[Any] = WeakSet()


def instrument(provider: Any = None) -> None:
    """Add the trace of a request to its log lines, and the request ID to its span.

    Each log line of a request, the access line included, gets ``trace_id``, ``span_id`` and
    ``trace_flags`` of its span; the span gets the attribute ``request_id``. Outgoing calls get the
    ``traceparent`` of the current span. To be called after the tracer provider is set.

    :param provider: the tracer provider of the requests' spans; by default the global one.

    >>> instrument()  # doctest: +SKIP
    """
    if _set_current_span not in request_hooks:
        request_hooks.append(_set_current_span)
    if _current_span_headers not in tracers:
        tracers.append(_current_span_headers)
    provider = trace.get_tracer_provider() if provider is None else provider
    if not hasattr(provider, "add_span_processor"):
        _log.info(
            "instrument() was called before a tracer provider was set: spans that start inside the "
            "app are not on log lines; call it again after set_tracer_provider()"
        )
    elif provider not in _instrumented_providers:
        _instrumented_providers.add(provider)
        provider.add_span_processor(_RequestSpanProcessor())


class RedactingSpanProcessor(SpanProcessor):
    """Pass redacted copies of spans on to another span processor.

    Names, attributes, events (with the messages and stack traces of exceptions), links, the
    status and the resource's attributes are redacted. A span that cannot be redacted is not
    exported.

    :param inner: the span processor that gets the copies, such as a ``BatchSpanProcessor``.
    :param redactor: decides what is secret; by default personal data is, too.
    :raises TypeError: for an `inner` that is not a span processor.

    >>> provider.add_span_processor(  # doctest: +SKIP
    ...     RedactingSpanProcessor(BatchSpanProcessor(exporter))
    ... )
    """

    def __init__(self, inner: Any, redactor: Redactor | None = None) -> None:
        if not isinstance(inner, SpanProcessor):
            hint = ": wrap it in a BatchSpanProcessor" if isinstance(inner, SpanExporter) else ""
            raise TypeError(f"inner must be a SpanProcessor, got {inner!r}{hint}")
        self._inner = inner
        self._redactor = redactor or Redactor(personal=True)
        self._cached_resource: tuple[Any, Any] = (None, None)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Call the inner processor: it gets the original span."""
        self._inner.on_start(span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        """Call the inner processor with a redacted copy."""
        redacted = call_safely("redacting a span", self._redact_span, span)
        if redacted is not None:
            self._inner.on_end(redacted)

    def shutdown(self) -> None:
        """Shut the inner processor down."""
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Flush the inner processor."""
        return self._inner.force_flush(timeout_millis)

    def _redact_span(self, span: ReadableSpan) -> ReadableSpan:
        redactor = with_request_secrets(self._redactor)
        redact, text = partial(_redact_attributes, redactor), redactor.text
        description = span.status.description
        return _RedactedSpan(
            span,
            name=redactor.url(span.name),
            resource=self._redact_resource(span.resource),
            attributes=redact(span.attributes),
            events=[
                Event(text(item.name), redact(item.attributes), item.timestamp)
                for item in span.events
            ],
            links=[Link(item.context, redact(item.attributes)) for item in span.links],
            status=Status(
                span.status.status_code, None if description is None else text(description)
            ),
        )

    def _redact_resource(self, resource: Any) -> Any:
        """Return the resource redacted; cached, since all spans of a provider share it."""
        original, redacted = self._cached_resource
        if original is not resource:
            attributes = _redact_attributes(self._redactor, resource.attributes)
            redacted = type(resource)(attributes, resource.schema_url)
            self._cached_resource = (resource, redacted)
        return redacted


class _RedactedSpan(ReadableSpan):
    """Copy of a span with some fields replaced, and the same counts of dropped items."""

    # In the SDK properties, which count what is missing in lists that are not copied.
    dropped_attributes = dropped_events = dropped_links = 0

    def __init__(self, span: ReadableSpan, **fields: Any) -> None:
        super().__init__(
            context=span.context,
            parent=span.parent,
            kind=span.kind,
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=span.instrumentation_scope,
            **fields,
        )
        self.dropped_attributes = span.dropped_attributes
        self.dropped_events = span.dropped_events
        self.dropped_links = span.dropped_links


def _redact_attributes(redactor: Redactor, attributes: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        name: _redact_attribute(redactor, name, item) for name, item in (attributes or {}).items()
    }


def _redact_attribute(redactor: Redactor, name: str, value: Any) -> Any:
    if isinstance(value, str) and name.endswith((".query", ".query_string")):
        return redactor.query(value)
    if isinstance(value, Sequence) and name in URLS and not isinstance(value, str):
        return [redactor.field(name, item) for item in value]  # a header has a list of values
    return redactor.field(name, value)


class _RequestSpanProcessor(SpanProcessor):
    """Record a request's span as it starts: Flask's instrumentation starts it inside our stack."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Record a span that is the local root: it has no parent in this process."""
        if span.parent is None or span.parent.is_remote:
            context = current_context()
            if context is not None:
                call_safely("recording the span of a request", _set_request_span, context, span)


def _set_current_span(context: RequestContext) -> None:
    """Record the current span: one round the whole stack, or one that is not sampled."""
    if not context.has_tracer_span:
        call_safely(
            "recording the span of a request", _set_request_span, context, trace.get_current_span()
        )


def _set_request_span(context: RequestContext, span: trace.Span) -> None:
    """Record the first span as the request's; set the request ID on each."""
    span_context = span.get_span_context()
    if not span_context.is_valid or span_context.is_remote:
        return
    if not context.has_tracer_span:
        context.trace = {
            "trace_id": trace.format_trace_id(span_context.trace_id),
            "span_id": trace.format_span_id(span_context.span_id),
            "trace_flags": f"{span_context.trace_flags:02x}",
        }
        context.tracestate = span_context.trace_state.to_header()
        context.has_tracer_span = True
    if context.request_id is not None and span.is_recording():
        span.set_attribute("request_id", context.request_id)


def _current_span_headers() -> tuple[str, str] | None:
    span_context = trace.get_current_span().get_span_context()
    if not span_context.is_valid or span_context.is_remote:
        return None
    trace_id = trace.format_trace_id(span_context.trace_id)
    span_id = trace.format_span_id(span_context.span_id)
    traceparent = f"00-{trace_id}-{span_id}-{span_context.trace_flags:02x}"
    return traceparent, span_context.trace_state.to_header()
