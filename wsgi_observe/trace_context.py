"""W3C Trace Context, Level 2: continue a request's trace or start one, and pass it on."""

from __future__ import annotations

import re
from collections.abc import Callable

from wsgi_observe.context import RequestContext, current_context
from wsgi_observe.ids import new_id, new_span_id, parse_traceparent

_SAMPLED, _RANDOM = 0b01, 0b10
_KNOWN_FLAGS = _SAMPLED | _RANDOM  # all others are set to zero
_STARTED_FLAGS = f"{_RANDOM:02x}"  # nothing is recorded by default, so it is not sampled
_MAX_MEMBERS = 32
_MAX_TRACESTATE, _LARGE_MEMBER = 512, 128  # characters

_match_member = re.compile(
    r"[a-z0-9][a-z0-9_*/@-]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
).fullmatch

tracers: list[Callable[[], tuple[str, str] | None]] = []
"""Called for ``traceparent`` and ``tracestate`` of the current span of a tracer, or None."""


def continue_trace(context: RequestContext, traceparent: str, tracestate: str) -> bool:
    """Continue the caller's trace with a span of ours; return False if `traceparent` is invalid."""
    parsed = parse_traceparent(traceparent)
    if parsed is None:
        return False
    trace_id, flags = parsed
    _set_trace(context, trace_id, f"{flags & _KNOWN_FLAGS:02x}")
    if tracestate:
        context.tracestate = parse_tracestate(tracestate)
    return True


def start_trace(context: RequestContext, trace_id: str | None) -> None:
    """Start a trace.

    :param trace_id: the request's ID, if it was made by `new_id`: 62 bits of it are random.
    """
    _set_trace(context, trace_id or new_id(), _STARTED_FLAGS)


def _set_trace(context: RequestContext, trace_id: str, flags: str) -> None:
    context.trace = {"trace_id": trace_id, "span_id": new_span_id(), "trace_flags": flags}


def parse_tracestate(header: str) -> str:
    """Return what to pass on of a ``tracestate``, whose several lines the server has joined.

    An invalid one is discarded as a whole. A long one is cut at whole members: first those of
    more than 128 characters are left out, then the last ones.

    >>> parse_tracestate("congo=t61 , ,rojo=00f0"), parse_tracestate("congo=t61,Rojo=00f0")
    ('congo=t61,rojo=00f0', '')
    """
    members = [member for part in header.split(",") if (member := part.strip(" \t"))]
    if len(members) > _MAX_MEMBERS or not all(map(_match_member, members)):
        return ""
    length = sum(map(len, members)) + len(members) - 1
    if length > _MAX_TRACESTATE:
        for large in [one for one in reversed(members) if len(one) > _LARGE_MEMBER]:
            if length > _MAX_TRACESTATE:
                members.remove(large)
                length -= len(large) + 1
        while length > _MAX_TRACESTATE:
            length -= len(members.pop()) + 1
    return ",".join(members)


def current_traceparent() -> str | None:
    """Return the ``traceparent`` of the current request, or None where it has no trace.

    With OpenTelemetry it is that of the current span. For a protocol of your own: the HTTP
    clients that are instrumented send it by themselves, with a span for each call.
    """
    headers = _current_headers(is_call=False)
    return None if headers is None else headers[0]


def current_tracestate() -> str | None:
    """Return the ``tracestate`` that belongs to `current_traceparent`, or None."""
    headers = _current_headers(is_call=False)
    return None if headers is None else headers[1] or None


def outgoing_trace_headers() -> tuple[str, str] | None:
    """Return ``traceparent`` and ``tracestate`` for one outgoing call, or None.

    Each call has a span ID of its own, unless a tracer makes the spans.
    """
    return _current_headers(is_call=True)


def _current_headers(*, is_call: bool) -> tuple[str, str] | None:
    for tracer in tracers:
        if (headers := tracer()) is not None:
            return headers
    context = current_context()
    if context is None or context.trace is None:
        return None
    trace = context.trace
    span_id = new_span_id() if is_call and not context.has_tracer_span else trace["span_id"]
    return f"00-{trace['trace_id']}-{span_id}-{trace['trace_flags']}", context.tracestate
