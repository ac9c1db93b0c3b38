"""Log lines about requests that run too long, or that died with their worker."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from wsgiref.types import WSGIEnvironment

from wsgi_observe._loggers import get_logger
from wsgi_observe.context import RequestContext, current_context, entered
from wsgi_observe.logs.debug_buffer import debug_capture
from wsgi_observe.logs.log_record import make_own_extra
from wsgi_observe.metrics.events import REQUESTS_DIED, REQUESTS_SLOW, add_event
from wsgi_observe.scoreboard.scoreboard import WorkerSnapshot
from wsgi_observe.wsgi.environ import request_line

log = get_logger("wsgi_observe.inflight")


def report_slow_request(context: RequestContext, age: float, stack: str) -> None:
    """Log a request that runs long, from a thread other than its own."""
    message = "%s has run for %.1f s and has not ended; the stack shows where it is"
    with _use_context_elsewhere(context) as environ:
        if environ:
            debug_capture.write(context)
            extra = {"age": age, "stack": stack or "unknown"}
            log.warning(message, request_line(environ), age, extra=extra)
            add_event(REQUESTS_SLOW)


def write_held_records(context: RequestContext) -> None:
    """Write what `debug_on_error` holds of a request that is about to die, from another thread."""
    with _use_context_elsewhere(context) as environ:
        if environ:
            debug_capture.write(context)


def report_crashed_requests(
    snapshot: WorkerSnapshot, cause: str, *, at: float, worker_pid: int
) -> None:
    """Log the requests that a dead worker was running, each in one ERROR line, unless that is done.

    :param at: when the worker died or was last seen, in seconds since the epoch.
    """
    for request in snapshot.requests.values():
        if not request.is_reported:
            environ = {"REQUEST_METHOD": request.method, "PATH_INFO": request.path}
            context = RequestContext(environ, request.request_id)
            context.remote_addr_mode = "off"  # only the worker knew it
            with entered(context):
                report_dying_request(environ, cause, request.age(at), worker_pid=worker_pid)
    counts = {
        "their worker ran more than the scoreboard has entries for": snapshot.overflow,
        "their worker died while it recorded them": snapshot.corrupt,
    }
    message = "%d requests died: %s; which ones is unknown: %s"
    for reason, count in counts.items():
        if count:
            extra = make_own_extra({"outcome": "died", "cause": cause, "worker_pid": worker_pid})
            log.error(message, count, cause, reason, extra=extra)
            add_event(REQUESTS_DIED, cause, count)


def report_dying_request(
    environ: WSGIEnvironment, cause: str, age: float, **extra_fields: object
) -> None:
    """Log a request that is about to die, in its own context."""
    extra = make_own_extra({"age": age, "outcome": "died", "cause": cause, **extra_fields})
    log.error("%s died: %s", request_line(environ), cause, extra=extra)
    add_event(REQUESTS_DIED, cause)


@contextmanager
def _use_context_elsewhere(context: RequestContext) -> Iterator[WSGIEnvironment]:
    """Use a copy of the context of a request that runs in another thread, and may end meanwhile."""
    environ = context.environ  # empty if it has ended
    context_copy = RequestContext(environ, context.request_id)
    context_copy.fields, context_copy.client_addr = context.fields, context.client_addr
    context_copy.remote_addr_mode = context.remote_addr_mode
    interrupted = current_context()  # by a signal
    if interrupted is not None:
        context_copy.nest_in(interrupted)
    with entered(context_copy):
        yield environ


def signal_name(number: int) -> str:
    """Return the name of a signal.

    >>> signal_name(9), signal_name(64 - 2)
    ('SIGKILL', 'signal 62')
    """
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
