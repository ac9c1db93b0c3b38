"""Outgoing HTTP calls: their headers with the request's ID and trace, their number, their lines."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable
from time import perf_counter
from types import TracebackType
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

    :ivar hosts: the allow-list.
    """

    def __init__(self, settings: Settings) -> None:
        self.hosts = AllowedHosts(settings.propagate_to)
        self._level = _LEVELS[settings.log_calls]
        self._redactor = settings.redactor() if self._level and settings.redact else None

    @classmethod
    def to_hosts(
        cls, hosts: Iterable[str] | None, settings: Settings | None, overrides: dict[str, Any]
    ) -> OutgoingCalls:
        """Return what the arguments of an ``instrument()`` ask for."""
        if hosts is not None:
            overrides["propagate_to"] = hosts
        return cls((settings or Settings()).replace(**overrides))

    @property
    def is_observing(self) -> bool:
        """Whether a call that is made here is counted or logged."""
        return self._level > 0 or current_context() is not None

    def headers(self, taken: Collection[str]) -> list[tuple[str, str]]:
        """Return the headers to add to one call to a host that is on the list.

        :param taken: the names, in lower case, of the headers that the caller has set.
        """
        context = current_context()
        if context is None:
            return []
        headers: list[tuple[str, str]] = []
        if context.request_id is not None and "x-request-id" not in taken:
            headers.append(("X-Request-ID", PropagatedValue(context.request_id)))
        # The tracestate of one trace is not sent with the parent of another.
        if "traceparent" not in taken and (trace := outgoing_trace_headers()) is not None:
            traceparent, tracestate = trace
            headers.append(("traceparent", PropagatedValue(traceparent)))
            if tracestate and "tracestate" not in taken:
                headers.append(("tracestate", PropagatedValue(tracestate)))
        return headers

    def prepare(self, prepare: Callable[..., T], request: T, *args: object) -> T:
        """Return what `prepare` makes of a request; if it raises, the request as it is."""
        try:
            return prepare(self, request, *args)
        except any_failure():
            warn_once("adding headers to an outgoing call")
            return request

    def log(self, call: OutgoingCall, exc_type: str | None, seconds: float) -> None:
        """Log a call that has ended, if its level is on."""
        if self._level and _log.isEnabledFor(self._level):
            call_safely("logging an outgoing call", self._write_line, call, exc_type, seconds)

    def _write_line(self, call: OutgoingCall, exc_type: str | None, seconds: float) -> None:
        method, host, port, path = call.target
        method, host, path = printable(method), printable(_authority(host, port)), printable(path)
        if self._redactor is not None:
            path = with_request_secrets(self._redactor).path(path)
        fields: dict[str, object] = {"call_method": method, "call_host": host, "call_path": path}
        if call.status_code is not None:
            fields["call_status_code"] = call.status_code
        fields["call_duration_ms"] = int(seconds * 1_000_000) / 1000
        if exc_type is not None:
            fields["exc_type"] = exc_type
        outcome = exc_type or call.status_code
        _log.log(
            self._level, "%s %s%s %s", method, host, path, outcome, extra=make_own_extra(fields)
        )


class OutgoingCall:
    """A block that makes one call, which is counted and logged whether it returns or raises.

    :param find_target: returns the method, host, port and path, without the query, of the call
        that is made with `args`; it is called only for a line.
    :ivar status_code: of the response, if there was one.
    """

    __slots__ = ("_args", "_calls", "_find_target", "_started", "status_code")

    def __init__(
        self, calls: OutgoingCalls, find_target: Callable[..., Target], *args: object
    ) -> None:
        self._calls = calls
        self._find_target = find_target
        self._args = args
        self.status_code: int | None = None

    @property
    def target(self) -> Target:
        """The method, host, port and path."""
        return self._find_target(*self._args)

    def __enter__(self) -> OutgoingCall:
        self._started = perf_counter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        seconds = perf_counter() - self._started
        add_to_current_request({"http_calls": 1, "http_calls_ms": seconds * 1000})
        self._calls.log(self, kind.__name__ if kind else None, seconds)


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


def patch_method(
    owner: Any, name: str, make_wrapper: Callable[[Callable[..., Any]], Callable[..., Any]]
) -> None:
    """Replace a method of a class by a wrapper of it; a wrapper of an earlier call is replaced."""
    present = getattr(owner, name)
    original = getattr(present, _ORIGINAL, present)
    wrapper = make_wrapper(original)
    setattr(wrapper, _ORIGINAL, original)
    setattr(owner, name, wrapper)
