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

from wsgi_observe.core.context import Scope, running
from wsgi_observe.core.listeners import on_request
from wsgi_observe.core.loggers import get_logger
from wsgi_observe.core.masked import in_this_request
from wsgi_observe.core.once import ask
from wsgi_observe.core.redact import URLS, Redactor

__all__ = ["RedactingSpanProcessor", "instrument"]

_log = get_logger("wsgi_observe.opentelemetry")
_known: WeakSet[Any] = WeakSet()


def instrument(provider: Any = None) -> None:
    """Put the request's trace on its log lines, and its request ID on its span.

    Every line of a request has ``trace_id``, ``span_id`` and ``trace_flags`` of its span, the
    access line included. The span has the attribute ``request_id``. Call it once the tracer
    provider is set.

    :param provider: whose spans are a request's; by default the global one.

    >>> instrument()  # doctest: +SKIP
    """
    if _take_current not in on_request:
        on_request.append(_take_current)
    provider = trace.get_tracer_provider() if provider is None else provider
    if not hasattr(provider, "add_span_processor"):
        _log.info("OpenTelemetry has no tracer provider yet: call instrument() once it is set")
    elif provider not in _known:
        _known.add(provider)
        provider.add_span_processor(_RequestSpans())


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
        self._resources: tuple[Any, Any] = (None, None)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Pass the start on."""
        self._inner.on_start(span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        """Pass a redacted copy on."""
        clean = ask("taking secrets out of a span", self._clean, span)
        if clean is not None:
            self._inner.on_end(clean)

    def shutdown(self) -> None:
        """Pass it on."""
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Pass it on."""
        return self._inner.force_flush(timeout_millis)

    def _clean(self, span: ReadableSpan) -> ReadableSpan:
        redactor = in_this_request(self._redactor)
        clean, text = partial(_attributes, redactor), redactor.text
        said = span.status.description
        return _Copy(
            span,
            name=redactor.url(span.name),
            resource=self._resource(span.resource),
            attributes=clean(span.attributes),
            events=[
                Event(text(one.name), clean(one.attributes), one.timestamp) for one in span.events
            ],
            links=[Link(one.context, clean(one.attributes)) for one in span.links],
            status=Status(span.status.status_code, None if said is None else text(said)),
        )

    def _resource(self, resource: Any) -> Any:
        """Return what the process says of itself, redacted once: all spans share it."""
        seen, clean = self._resources
        if seen is not resource:
            attributes = _attributes(self._redactor, resource.attributes)
            clean = type(resource)(attributes, resource.schema_url)
            self._resources = (resource, clean)
        return clean


class _Copy(ReadableSpan):
    """A span as another one, but for what is given; what the SDK left out counts for both."""

    def __init__(self, span: ReadableSpan, **parts: Any) -> None:
        super().__init__(
            context=span.context,
            parent=span.parent,
            kind=span.kind,
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=span.instrumentation_scope,
            **parts,
        )
        self._dropped = (span.dropped_attributes, span.dropped_events, span.dropped_links)

    @property
    def dropped_attributes(self) -> int:
        return self._dropped[0]

    @property
    def dropped_events(self) -> int:
        return self._dropped[1]

    @property
    def dropped_links(self) -> int:
        return self._dropped[2]


def _attributes(redactor: Redactor, attributes: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: _attribute(redactor, name, one) for name, one in (attributes or {}).items()}


def _attribute(redactor: Redactor, name: str, value: Any) -> Any:
    if isinstance(value, str) and name.endswith((".query", ".query_string")):
        return redactor.query(value)
    if isinstance(value, Sequence) and name in URLS and not isinstance(value, str):
        return [redactor.field(name, one) for one in value]  # a header, as often as it was sent
    return redactor.field(name, value)


class _RequestSpans(SpanProcessor):
    """Sees a request's own span begin, be it inside our stack, as in Flask's instrumentation."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Take it where nothing of this process is above it."""
        if span.parent is None or span.parent.is_remote:
            scope = running()
            if scope is not None:
                ask("taking a span", _take, scope, span)


def _take_current(scope: Scope) -> None:
    """Take the span that is open: one round the whole stack, or one that is not recorded."""
    if scope.trace is None or "trace_flags" not in scope.trace:
        ask("taking the current span", _take, scope, trace.get_current_span())


def _take(scope: Scope, span: trace.Span) -> None:
    """Note the span as the request's, if it is the first; tell it the request's ID."""
    found = span.get_span_context()
    if not found.is_valid or found.is_remote:
        return
    if scope.trace is None or "trace_flags" not in scope.trace:
        scope.trace = {
            "trace_id": trace.format_trace_id(found.trace_id),
            "span_id": trace.format_span_id(found.span_id),
            "trace_flags": f"{found.trace_flags:02x}",
        }
    if scope.request_id is not None and span.is_recording():
        span.set_attribute("request_id", scope.request_id)
