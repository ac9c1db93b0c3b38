"""The door to OpenTelemetry: traces on log lines, request IDs on spans, no secrets in spans."""

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

__all__ = ["RedactingSpanProcessor", "instrument"]

_log = get_logger("wsgi_observe.opentelemetry")
_instrumented_providers: WeakSet[Any] = WeakSet()


def instrument(provider: Any = None) -> None:
    """Put the request's trace on its log lines, and its request ID on its span.

    Every line of a request has ``trace_id``, ``span_id`` and ``trace_flags`` of its span, the
    access line included. The span has the attribute ``request_id``. Call it once the tracer
    provider is set.

    :param provider: whose spans are a request's; by default the global one.

    >>> instrument()  # doctest: +SKIP
    """
    if _set_current_span not in request_hooks:
        request_hooks.append(_set_current_span)
    provider = trace.get_tracer_provider() if provider is None else provider
    if not hasattr(provider, "add_span_processor"):
        _log.info("OpenTelemetry has no tracer provider yet: call instrument() once it is set")
    elif provider not in _instrumented_providers:
        _instrumented_providers.add(provider)
        provider.add_span_processor(_RequestSpanProcessor())


class RedactingSpanProcessor(SpanProcessor):
    """Hand spans on to another processor, without the secrets in them.

    What is exported are copies: names, attributes, events (with the exceptions' messages and
    stack traces), links and the status are redacted, and the resource's attributes. A span that
    cannot be read is not exported.

    :param inner: what would get the spans without this one, such as a ``BatchSpanProcessor``.
    :param redactor: knows what is secret; by default also cards and e-mail addresses.
    :raises TypeError: for an `inner` that is no span processor.

    >>> provider.add_span_processor(  # doctest: +SKIP
    ...     RedactingSpanProcessor(BatchSpanProcessor(exporter))
    ... )
    """

    def __init__(self, inner: Any, redactor: Redactor | None = None) -> None:
        if not isinstance(inner, SpanProcessor):
            hint = ": put a BatchSpanProcessor round it" if isinstance(inner, SpanExporter) else ""
            raise TypeError(f"inner must be a SpanProcessor, got {inner!r}{hint}")
        self._inner = inner
        self._redactor = redactor or Redactor(personal=True)
        self._cached_resource: tuple[Any, Any] = (None, None)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Pass the start on."""
        self._inner.on_start(span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        """Pass a redacted copy on."""
        clean = call_safely("taking secrets out of a span", self._redact_span, span)
        if clean is not None:
            self._inner.on_end(clean)

    def shutdown(self) -> None:
        """Pass it on."""
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Pass it on."""
        return self._inner.force_flush(timeout_millis)

    def _redact_span(self, span: ReadableSpan) -> ReadableSpan:
        redactor = with_request_secrets(self._redactor)
        clean, text = partial(_redact_attributes, redactor), redactor.text
        description = span.status.description
        return _RedactedSpan(
            span,
            name=redactor.url(span.name),
            resource=self._redact_resource(span.resource),
            attributes=clean(span.attributes),
            events=[
                Event(text(item.name), clean(item.attributes), item.timestamp)
                for item in span.events
            ],
            links=[Link(item.context, clean(item.attributes)) for item in span.links],
            status=Status(
                span.status.status_code, None if description is None else text(description)
            ),
        )

    def _redact_resource(self, resource: Any) -> Any:
        """Return what the process says of itself, redacted once: all spans share it."""
        seen, clean = self._cached_resource
        if seen is not resource:
            attributes = _redact_attributes(self._redactor, resource.attributes)
            clean = type(resource)(attributes, resource.schema_url)
            self._cached_resource = (resource, clean)
        return clean


class _RedactedSpan(ReadableSpan):
    """A span as another one, but for what is given; what the SDK left out counts for both."""

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
        self._dropped_counts = (span.dropped_attributes, span.dropped_events, span.dropped_links)

    @property
    def dropped_attributes(self) -> int:
        return self._dropped_counts[0]

    @property
    def dropped_events(self) -> int:
        return self._dropped_counts[1]

    @property
    def dropped_links(self) -> int:
        return self._dropped_counts[2]


def _redact_attributes(redactor: Redactor, attributes: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: _attribute(redactor, name, item) for name, item in (attributes or {}).items()}


def _attribute(redactor: Redactor, name: str, value: Any) -> Any:
    if isinstance(value, str) and name.endswith((".query", ".query_string")):
        return redactor.query(value)
    if isinstance(value, Sequence) and name in URLS and not isinstance(value, str):
        return [redactor.field(name, item) for item in value]  # a header, as often as it was sent
    return redactor.field(name, value)


class _RequestSpanProcessor(SpanProcessor):
    """Sees a request's own span begin, be it inside our stack, as in Flask's instrumentation."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Take it where nothing of this process is above it."""
        if span.parent is None or span.parent.is_remote:
            context = current_context()
            if context is not None:
                call_safely("taking a span", _set_request_span, context, span)


def _set_current_span(context: RequestContext) -> None:
    """Take the span that is open: one round the whole stack, or one that is not recorded."""
    if context.trace is None or "trace_flags" not in context.trace:
        call_safely("taking the current span", _set_request_span, context, trace.get_current_span())


def _set_request_span(context: RequestContext, span: trace.Span) -> None:
    """Note the span as the request's, if it is the first; tell it the request's ID."""
    span_context = span.get_span_context()
    if not span_context.is_valid or span_context.is_remote:
        return
    if context.trace is None or "trace_flags" not in context.trace:
        context.trace = {
            "trace_id": trace.format_trace_id(span_context.trace_id),
            "span_id": trace.format_span_id(span_context.span_id),
            "trace_flags": f"{span_context.trace_flags:02x}",
        }
    if context.request_id is not None and span.is_recording():
        span.set_attribute("request_id", context.request_id)
