"""Outgoing HTTP calls: the headers with the request's ID and trace, and the line of a call."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any, TypeVar

from wsgi_observe._loggers import get_logger
from wsgi_observe._safely import call_safely, warn_once
from wsgi_observe.allowed_hosts import AllowedHosts
from wsgi_observe.context import current_context
from wsgi_observe.logs.log_record import make_own_extra
from wsgi_observe.redaction.path_secrets import with_request_secrets
from wsgi_observe.settings import Settings
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
"""The attribute of what a call hands on that has its headers, and its line, already."""

_ORIGINAL = "__wsgi_observe_original__"


class PropagatedValue(str):
    """The value of a header that was added to a call, as opposed to one that the caller has set."""

    __slots__ = ()


class OutgoingCalls:
    """Adds headers to calls to the hosts of ``propagate_to``, and logs calls as ``log_calls`` says.

    :ivar hosts: the allow-list.
    :ivar is_logged: whether each call has a line.
    :ivar is_of_client: whether the calls are those of one client, to which nothing that is
        installed for the process may add.
    """

    def __init__(self, settings: Settings, *, is_of_client: bool = False) -> None:
        self.is_of_client = is_of_client
        self.hosts = AllowedHosts(settings.propagate_to)
        self._level = _LEVELS[settings.log_calls]
        self.is_logged = self._level > 0
        self._redactor = settings.redactor() if self.is_logged and settings.redact else None

    @classmethod
    def to_hosts(
        cls, hosts: Iterable[str] | None, settings: Settings | None, overrides: dict[str, Any]
    ) -> OutgoingCalls:
        """Return what the arguments of an ``instrument()`` ask for; an empty list is one, too."""
        if hosts is not None:
            overrides["propagate_to"] = hosts
        settings = (settings or Settings()).replace(**overrides)
        is_asked_for = hosts is not None or bool(settings.propagate_to)
        return cls(settings, is_of_client=is_asked_for)

    @property
    def is_off(self) -> bool:
        """Whether there is nothing to do for any call."""
        return not (self.hosts or self.is_logged or self.is_of_client)

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

    @contextmanager
    def log(self, method: str, host: str, port: int | None, path: str) -> Iterator[CallResult]:
        """Log the call that runs in the block, whether it returns or raises.

        :param path: without the query.
        """
        result = CallResult()
        started = perf_counter()
        try:
            yield result
        except BaseException as error:
            result.exc_type = type(error).__name__
            raise
        finally:
            if _log.isEnabledFor(self._level):
                seconds = perf_counter() - started
                authority = _authority(host, port)
                call_safely(
                    "logging an outgoing call",
                    *(self._write_line, method, authority, path, result, seconds),
                )

    def _write_line(
        self, method: str, host: str, path: str, result: CallResult, seconds: float
    ) -> None:
        method, host = printable(method), printable(host)
        path = printable(path)
        if self._redactor is not None:
            path = with_request_secrets(self._redactor).path(path)
        fields: dict[str, object] = {"call_method": method, "call_host": host, "call_path": path}
        if result.status_code is not None:
            fields["call_status_code"] = result.status_code
        fields["call_duration_ms"] = int(seconds * 1_000_000) / 1000
        if result.exc_type is not None:
            fields["exc_type"] = result.exc_type
        outcome = result.exc_type or result.status_code
        _log.log(
            self._level, "%s %s%s %s", method, host, path, outcome, extra=make_own_extra(fields)
        )


class CallResult:
    """How a call ended.

    :ivar status_code: of the response, if there was one.
    :ivar exc_type: the class of the exception, if there was one.
    """

    status_code: int | None = None
    exc_type: str | None = None


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
