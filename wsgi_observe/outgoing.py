"""Outgoing HTTP calls: their headers with the request's ID and trace, their number, their lines."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable
from functools import wraps
from time import perf_counter
from types import MethodType
from typing import Any, TypeVar

from wsgi_observe._loggers import get_logger
from wsgi_observe._safely import call_safely, warn_once
from wsgi_observe.allowed_hosts import AllowedHosts
from wsgi_observe.context import current_context
from wsgi_observe.logs.log_record import make_own_extra
from wsgi_observe.redaction.path_secrets import with_request_secrets
from wsgi_observe.settings import Settings
from wsgi_observe.totals import add_to_current_request
from wsgi_observe.trace_context import outgoing_trace_headers
from wsgi_observe.wsgi.environ import printable
from wsgi_observe.wsgi.exceptions import any_failure

T = TypeVar("T")

_log = get_logger("wsgi_observe.calls")
_LEVELS = {"off": 0, "debug": logging.DEBUG, "info": logging.INFO}

HEADER_NAMES = frozenset({"x-request-id", "traceparent", "tracestate"})
"""The headers that a call may get, in lower case."""

DEFAULT_PORTS = {"http": 80, "https": 443}
"""The ports of URLs without one."""

MARK = "__wsgi_observe_call__"
"""The attribute of what a call hands on that has its headers, its count and its line already."""

_ORIGINAL = "__wsgi_observe_original__"

Target = tuple[str, str, int | None, str]
"""The method, host, port and path of a call, the path without the query."""


class PropagatedValue(str):
    """The value of a header that was added to a call, as opposed to one that the caller has set."""

    __slots__ = ()


class OutgoingCalls:
    """Counts calls on the access line of their request, and logs them as ``log_calls`` says.

    Those to the hosts of ``propagate_to`` get headers.

    :ivar level: of the lines; 0 for none.
    """

    def __init__(self, settings: Settings) -> None:
        self._hosts = AllowedHosts(settings.propagate_to)
        self.level = _LEVELS[settings.log_calls]
        self._redactor = settings.redactor() if self.level and settings.redact else None

    @classmethod
    def to_hosts(
        cls, hosts: Iterable[str] | None, settings: Settings | None, overrides: dict[str, Any]
    ) -> OutgoingCalls:
        """Return what the arguments of an ``instrument()`` ask for."""
        if hosts is not None:
            overrides["propagate_to"] = hosts
        return cls((settings or Settings()).replace(**overrides))

    def headers(
        self, host: str, port: int | None, taken: Collection[str]
    ) -> list[tuple[str, str]] | None:
        """Return the headers to add to one call; None if it is not even counted or logged.

        :param taken: the names, in lower case, of the headers that the caller has set.
        """
        context = current_context()
        if context is None:
            return [] if self.level else None
        headers: list[tuple[str, str]] = []
        if not self._hosts.allows(host, port):
            return headers
        if context.request_id is not None and "x-request-id" not in taken:
            headers.append(("X-Request-ID", PropagatedValue(context.request_id)))
        # The tracestate of one trace is not sent with the parent of another.
        if "traceparent" not in taken and (trace := outgoing_trace_headers()) is not None:
            traceparent, tracestate = trace
            headers.append(("traceparent", PropagatedValue(traceparent)))
            if tracestate and "tracestate" not in taken:
                headers.append(("tracestate", PropagatedValue(tracestate)))
        return headers

    def log(self, call: OutgoingCall, exc_type: str | None, seconds: float) -> None:
        """Log a call that has ended."""
        (method, host, port, path), status_code = call.target, call.status_code
        method, host, path = printable(method), printable(_authority(host, port)), printable(path)
        if self._redactor is not None:
            path = with_request_secrets(self._redactor).path(path)
        fields: dict[str, object] = {"call_method": method, "call_host": host, "call_path": path}
        if status_code is not None:
            fields["call_status_code"] = status_code
        fields["call_duration_ms"] = int(seconds * 1_000_000) / 1000
        if exc_type is not None:
            fields["exc_type"] = exc_type
        outcome = exc_type or status_code
        _log.log(
            self.level, "%s %s%s %s", method, host, path, outcome, extra=make_own_extra(fields)
        )


class OutgoingCall:
    """A block that makes one call, which is counted and logged whether it returns or raises.

    :param prepare: called with `calls`, `given` and `details`; returns a copy of `given` with the
        headers of this call, or `given` itself if there is nothing to do.
    :param find_target: called with `given` and `details`, for a line alone; returns the method,
        host, port and path of the call, without the query.
    :param given: the request of the client's caller, or its headers.
    :ivar sent: what to send in its place.
    :ivar status_code: of the response, if there was one.
    """

    __slots__ = ("_calls", "_details", "_find_target", "_given", "_started", "sent", "status_code")

    def __init__(
        self,
        calls: OutgoingCalls,
        prepare: Callable[..., Any],
        find_target: Callable[..., Target],
        given: Any,
        *details: object,
    ) -> None:
        self._calls = calls
        self._find_target = find_target
        self._given = self.sent = given
        self._details = details
        self.status_code: int | None = None
        try:
            self.sent = prepare(calls, given, *details)
        except any_failure():
            warn_once("adding headers to an outgoing call")

    @property
    def target(self) -> Target:
        """The method, host, port and path."""
        return self._find_target(self._given, *self._details)

    def __enter__(self) -> OutgoingCall:
        self._started = perf_counter()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self.sent is self._given:
            return
        seconds = perf_counter() - self._started
        add_to_current_request({"http_calls": 1, "http_calls_ms": seconds * 1000})
        calls, exc_type = self._calls, kind.__name__ if kind else None
        if calls.level and _log.isEnabledFor(calls.level):
            call_safely("logging an outgoing call", calls.log, self, exc_type, seconds)


def _authority(host: str, port: int | None) -> str:
    shown = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return shown if port is None else f"{shown}:{port}"


def mark(value: T, target: object = True) -> T:
    """Set `MARK` on what a call hands on, for those further in that are observed too.

    :param target: where the call goes to, if what is marked may be sent elsewhere.
    """
    value.__dict__[MARK] = target
    return value


def copy_shallow(request: T) -> T:
    """Return a copy with the same attributes; its own `copy` or ``__getstate__`` would do more.

    The caller's request is left as it is: it may be sent again, from another thread too, and a
    redirect copies its headers.
    """
    clone = object.__new__(type(request))
    clone.__dict__ = request.__dict__.copy()
    return clone


def patch_method(owner: Any, name: str, send: Callable[..., Any], calls: OutgoingCalls) -> None:
    """Have a method of a class call `send` with `calls`, the method itself, and its arguments.

    What an earlier call has put there is replaced.
    """
    present = getattr(owner, name)
    original = getattr(present, _ORIGINAL, present)

    @wraps(original)
    def method(self: object, *args: Any, **kwargs: Any) -> Any:
        return send(calls, MethodType(original, self), *args, **kwargs)

    setattr(method, _ORIGINAL, original)
    setattr(owner, name, method)
