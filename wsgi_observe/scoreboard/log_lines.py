"""The lines about requests that take too long, or that died with their worker."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from wsgi_observe._loggers import get_logger
from wsgi_observe.context import RequestContext, activate, get_raw_context
from wsgi_observe.logs.log_record import make_own_extra
from wsgi_observe.scoreboard.entries import RunningRequest, WorkerSnapshot
from wsgi_observe.wsgi.environ import request_line

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

log = get_logger("wsgi_observe.inflight")


def report_slow_request(context: RequestContext, age: float, stack: str) -> None:
    """Name a request that takes long, while it runs in another thread."""
    environ = context.environ
    if not environ:  # it has ended
        return
    context_copy = RequestContext()
    context_copy.environ, context_copy.request_id = environ, context.request_id
    context_copy.fields, context_copy.remote_addr = context.fields, context.remote_addr
    context_copy.client_addr = context.client_addr
    with _use_context(context_copy):
        extra = {"age": age, "stack": stack or "unknown"}
        log.warning("%s has run for %.1f s", request_line(environ), age, extra=extra)


def report_crashed_requests(
    snapshot: WorkerSnapshot, overflow: int, cause: str, last_seen: float, **extra_fields: object
) -> None:
    """Name the requests that a worker left, each in one ERROR line, unless that was done.

    :param when: seconds since the epoch, from which their ages are told.
    """
    for request in snapshot.requests.values():
        if not request.is_reported:
            _report_crashed_request(request, cause, request.age(last_seen), **extra_fields)
    counts = {"for which there were no slots": overflow, "whose slots are torn": snapshot.corrupt}
    for reason, count in counts.items():
        if count:
            extra = make_own_extra({"outcome": "died", "cause": cause, **extra_fields})
            log.error("%d requests died: %s; those %s", count, cause, reason, extra=extra)


def _report_crashed_request(
    request: RunningRequest, cause: str, age: float, **extra_fields: object
) -> None:
    context_copy = RequestContext()
    context_copy.environ = {"REQUEST_METHOD": request.method, "PATH_INFO": request.path}
    context_copy.request_id = request.request_id
    context_copy.remote_addr = "off"  # its worker has taken that along
    with _use_context(context_copy):
        report_dying_request(context_copy.environ, cause, age, **extra_fields)


def report_dying_request(
    environ: WSGIEnvironment, cause: str, age: float, **extra_fields: object
) -> None:
    """Name a request that is about to die, from within it."""
    extra = make_own_extra({"age": age, "outcome": "died", "cause": cause, **extra_fields})
    log.error("%s died: %s", request_line(environ), cause, extra=extra)


@contextmanager
def _use_context(context: RequestContext) -> Iterator[None]:
    """Have lines written here be those of a request that does not run here."""
    previous = get_raw_context()
    activate(context)
    try:
        yield
    finally:
        activate(previous)


def signal_name(number: int) -> str:
    """Return the name of a signal.

    >>> signal_name(9), signal_name(64 - 2)
    ('SIGKILL', 'signal 62')
    """
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
