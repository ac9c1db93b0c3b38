"""The context of a request as plain data, which travels with a job to a worker's process."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from wsgi_observe.context import RequestContext, current_context, entered, request_hooks
from wsgi_observe.ids import is_valid_id, new_id
from wsgi_observe.trace_context import parse_tracestate

CONTEXT_KEY = "wsgi_observe"
"""The header, or key of a job's ``meta``, with the data."""

# W3C Trace Context, and the HMAC-SHA-256 of `pseudonymize`: what else is called so stays at home.
_VALID: Mapping[str, Callable[[str], object]] = {
    "trace_id": re.compile(r"(?!0{32})[0-9a-f]{32}").fullmatch,
    "span_id": re.compile(r"(?!0{16})[0-9a-f]{16}").fullmatch,
    "trace_flags": re.compile(r"[0-9a-f]{2}").fullmatch,
    "tracestate": lambda value: value and parse_tracestate(value) == value,
    "user": re.compile(r"[0-9a-f]{64}").fullmatch,
    "request_id": is_valid_id,
}
_TRACE = ("trace_id", "span_id", "trace_flags")


def dump_context() -> dict[str, str] | None:
    """Return ID, trace and user pseudonym of the running request; None outside of any.

    Nothing else that is bound: a broker is no place for it.
    """
    context = current_context()
    if context is None:
        return None
    for hook in request_hooks:  # a tracer may have begun a trace since the last line
        hook(context)
    user = context.fields.get("user") or context.request_context.fields.get("user")
    trace = {**(context.trace or {}), "tracestate": context.tracestate}
    return _validate({**trace, "request_id": context.request_id, "user": user})


@contextmanager
def job_context(carried: object, job_id: str, fields: dict[str, object]) -> Iterator[str]:
    """Run a job under the ID of the request that asked for it, with that request's trace and user.

    :param carried: from `dump_context`, by way of a broker, which may have anything; without it a
        job that its caller runs itself has the caller's.
    :param job_id: the ID where the job has none, since no request asked for it.
    :param fields: of each line, besides.
    """
    data = _validate(carried) or dump_context() or {}
    fallback_id = job_id if is_valid_id(job_id) else new_id()
    context = RequestContext({}, data.pop("request_id", fallback_id))
    user = data.pop("user", None)
    context.bind(fields if user is None else {"user": user, **fields})
    if all(name in data for name in _TRACE):
        context.trace = {name: data[name] for name in _TRACE}
        context.tracestate = data.get("tracestate", "")
    parent = current_context()
    if parent is not None:
        context.nest_in(parent)
        context.user_key = parent.user_key
    with entered(context):
        yield context.request_id or ""


def _validate(carried: object) -> dict[str, str]:
    """Return the valid ones of the known values."""
    if not isinstance(carried, Mapping):
        return {}
    return {
        name: value
        for name, is_valid in _VALID.items()
        if isinstance(value := carried.get(name), str) and is_valid(value)
    }
