"""Requests that Gunicorn refuses before any app sees them: the envelope, and one access line.

A probe that it refuses for its path alone, outside the prefix of ``SCRIPT_NAME``, is answered.
"""

from __future__ import annotations

import logging
import re
import signal
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from itertools import pairwise
from types import SimpleNamespace, TracebackType
from typing import TYPE_CHECKING, Any

from gunicorn import util
from gunicorn.http import wsgi
from gunicorn.http.errors import ConfigurationProblem

from wsgi_observe._safely import warn_once
from wsgi_observe.context import bind
from wsgi_observe.errors.statuses import describe_status
from wsgi_observe.gunicorn.compat import optional_attr
from wsgi_observe.middleware.access_log import AccessLog
from wsgi_observe.middleware.errors import ErrorEnvelope
from wsgi_observe.middleware.health import Health
from wsgi_observe.middleware.request_id import RequestID
from wsgi_observe.scoreboard.entries import WorkerEntry
from wsgi_observe.settings import Settings
from wsgi_observe.stack import wrap
from wsgi_observe.wsgi.environ import printable
from wsgi_observe.wsgi.exceptions import any_failure
from wsgi_observe.wsgi.middleware import Middleware, iter_wrapped_apps

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from wsgi_observe.wsgi.exchange import Exchange

_ERROR_KEY, _STATUS_KEY = "wsgi_observe.rejection", "wsgi_observe.rejected_with"
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([45]\d\d) ")
_is_token = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}").fullmatch  # RFC 9110, 9.1
_MAX_REASON_LENGTH = 200
_TIMEOUT_STATUS = "408 Request Timeout"


def handle_rejected_requests(
    worker: Any, settings: Settings, worker_entry: WorkerEntry | None = None
) -> None:
    """Have a worker answer in our shape what Gunicorn refuses, with a line of ours.

    What it says itself, a WARNING without a request, is left out then. So are the alarms about a
    sync worker that has waited for a client until its timeout.

    :param seat: the worker's in the table of running requests.
    """
    original_handle_error = optional_attr(
        worker, "handle_error", "requests are rejected in Gunicorn's own form"
    )
    send = optional_attr(util, "write_nonblock", "requests are rejected in Gunicorn's own form")
    if original_handle_error is not None and send is not None:
        worker.handle_error = _RejectionHandler(
            worker, settings, worker_entry, original_handle_error, send
        ).handle_error


class _RejectionHandler:
    """Takes the place of a worker's own `handle_error`, which it falls back to."""

    def __init__(
        self,
        worker: Any,
        settings: Settings,
        worker_entry: WorkerEntry | None,
        original_handle_error: Callable[..., Any],
        send: Callable[..., Any],
    ) -> None:
        self._worker, self._worker_entry = worker, worker_entry
        self._original_handle_error, self._send = original_handle_error, send
        self._is_enabled = _is_enabled(settings)
        middlewares = (RequestID, AccessLog, ErrorEnvelope)
        self._app = wrap(_rejection_app, middlewares, settings)
        # That a client costs a worker is worth more than INFO, whatever the level of a 408.
        self._timeout_app = wrap(
            _rejection_app, middlewares, settings.replace(access_level=_warning_level)
        )
        probe_app = wrap(_InnermostMiddleware(_rejection_app), middlewares, settings)
        self._respond_outside_prefix = _make_prefix_responder(worker, probe_app, settings)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer, log, and leave the connection to Gunicorn, which closes it."""
        if _is_about_unread_body(exc):
            return  # a client would take a second response for that of its next request
        timed_out = req is None and isinstance(exc, SystemExit) and self._is_aborted()
        try:
            response = self._respond(req, addr, exc, timed_out=timed_out)
        except any_failure():
            warn_once("answering a rejected request")
            response = None
        if response is None:
            self._original_handle_error(req, client, addr, exc)
            return
        with suppress(OSError):  # the client went: the line is there
            self._send(client, response)
        if self._worker_entry is not None and timed_out:
            self._worker_entry.has_logged_exit = True
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)  # or Gunicorn lingers until it is killed

    def _respond(self, req: Any, addr: Any, exc: BaseException, *, timed_out: bool) -> bytes | None:
        if req is not None:
            return self._respond_outside_prefix(req, addr, exc)
        if not self._is_enabled:
            return None
        if timed_out:
            return _make_response(
                self._timeout_app, _TIMEOUT_STATUS, addr, _make_timeout_error(self._worker, exc)
            )
        status = _get_gunicorn_status(self._worker, exc)
        return None if status is None else _make_response(self._app, status, addr, exc)

    def _is_aborted(self) -> bool:
        """Return whether the arbiter has ended the worker by its timeout."""
        return self._worker_entry is not None and self._worker_entry.signal == signal.SIGABRT


def _is_about_unread_body(exc: BaseException) -> bool:
    """Return whether the parser failed over what a finished request has left unread of its body.

    Gunicorn reads it away before the next request of a kept connection, and would respond to it.
    """
    trace, names = exc.__traceback__, []
    while trace is not None:
        names.append(trace.tb_frame.f_globals.get("__name__"))
        trace = trace.tb_next
    return ("gunicorn.http.parser", "gunicorn.http.body") in pairwise(names)


def _make_timeout_error(worker: Any, exc: BaseException) -> TimeoutError:
    """Return the error for the log line, with the traceback of where the client was waited for."""
    return TimeoutError(
        f"no whole request came within the worker timeout of {worker.cfg.timeout} s, so the worker "
        "is replaced: put a proxy that buffers requests before sync workers, or use gthread"
    ).with_traceback(exc.__traceback__)


def _warning_level(environ: object, status: int, seconds: float) -> int:
    return logging.WARNING


def _is_enabled(settings: Settings) -> bool:
    """Return whether a rejection gets a line of ours and a response in our shape."""
    return settings.has_middleware("access_log") and settings.has_middleware("errors")


def _make_prefix_responder(
    worker: Any, app: Any, settings: Settings
) -> Callable[[Any, Any, BaseException], bytes | None]:
    """Return what responds to requests outside the prefix at which Gunicorn mounts the app.

    Gunicorn refuses a path that does not begin with ``SCRIPT_NAME`` (an environment variable, or
    a proxy's header) before it calls the app. So it would refuse the probe of an orchestrator,
    which asks the process directly at ``/health``.
    """
    for health in iter_wrapped_apps(getattr(worker, "wsgi", None)):
        if isinstance(health, Health):
            app.insert(health, before=(AccessLog, ErrorEnvelope, _InnermostMiddleware))

    def respond(req: Any, addr: Any, exc: BaseException) -> bytes | None:
        if not isinstance(exc, ConfigurationProblem):
            return None
        stub = _RecordingStub()
        fake_socket: Any = stub  # in place of the client's socket
        req.headers = [*req.headers, ("SCRIPT_NAME", "")]  # the last one counts: no prefix
        started = datetime.now()
        resp, environ = wsgi.create(req, fake_socket, addr, "", worker.cfg)
        resp.force_close()
        environ[_STATUS_KEY] = _get_gunicorn_status(worker, exc) or "500 Internal Server Error"
        environ[_ERROR_KEY] = exc
        _write_response(app, environ, resp)
        if not _is_enabled(settings) and _ERROR_KEY not in environ:
            return None  # rejected, and without a line of ours
        worker.log.access(resp, req, environ, datetime.now() - started)
        return stub.sent

    return respond


class _InnermostMiddleware(Middleware):
    """Is the layer that `Health` is placed before, whichever of the others are used."""

    def join(self, exchange: Exchange, environ: WSGIEnvironment) -> None:
        """Do nothing."""


def _write_response(app: WSGIApplication, environ: Any, resp: Any) -> None:
    """Call an app and write its response, as Gunicorn's workers do."""
    body = app(environ, resp.start_response)
    try:
        for chunk in body:
            resp.write(chunk)
        resp.close()
    finally:
        close = getattr(body, "close", None)
        if close is not None:
            close()


class _RecordingStub:
    """Stands in for the client and the logger of a worker: notes what they would be told."""

    def __init__(self) -> None:
        self.sent = b""
        self.has_logged_exception = False

    def gettimeout(self) -> float:
        return 0.0

    def sendall(self, data: bytes) -> None:
        self.sent += data

    def exception(self, *arguments: object, **keywords: object) -> None:
        self.has_logged_exception = True

    def _ignore(self, *arguments: object, **keywords: object) -> None:
        pass

    setblocking = send = access = debug = info = warning = error = _ignore


def _get_gunicorn_status(worker: Any, exc: BaseException) -> str | None:
    """Return the status that Gunicorn gives a rejection; None for what is a failure to it.

    Gunicorn itself is asked, for nobody to see: each of its versions knows other rejections.
    """
    stub = _RecordingStub()
    fake_worker = SimpleNamespace(cfg=worker.cfg, log=stub)
    type(worker).handle_error(fake_worker, None, stub, None, exc)
    result = _STATUS_LINE.match(stub.sent)
    if stub.has_logged_exception or result is None:
        return None
    return f"{int(result[1])} {describe_status(int(result[1]))[0]}"


def _make_response(app: WSGIApplication, status: str, addr: Any, exc: BaseException) -> bytes:
    """Return the whole answer, as bytes for the wire; its access line is written by now."""
    header_lines: list[str] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        lines = [f"{name}: {value}\r\n" for name, value in headers]
        header_lines[:] = [f"HTTP/1.1 {status}\r\nConnection: close\r\n", *lines, "\r\n"]

    body = app(_make_environ(status, addr, exc), start_response)
    try:
        chunks = b"".join(body)
    finally:
        body.close()  # type: ignore[attr-defined]
    return "".join(header_lines).encode("latin-1") + chunks


def _make_environ(status: str, addr: Any, exc: BaseException) -> WSGIEnvironment:
    request = _get_partial_request(exc.__traceback__)
    return {
        "REQUEST_METHOD": _method(request),
        "SCRIPT_NAME": "",
        "PATH_INFO": getattr(request, "path", None) or "-",
        # A socket of the file system has no address.
        "REMOTE_ADDR": addr[0] if isinstance(addr, tuple) and addr else "",
        "HTTP_X_FORWARDED_FOR": _forwarded_for(request),
        _STATUS_KEY: status,
        _ERROR_KEY: exc,
    }


def _method(request: object) -> str:
    """Return the method, or ``-`` for what may be anything, a form's fields too."""
    method = str(getattr(request, "method", None) or "-")
    return method if _is_token(method) else "-"


def _forwarded_for(request: object) -> str:
    headers = getattr(request, "headers", None) or ()
    return ",".join(value for name, value in headers if name == "X-FORWARDED-FOR")


def _get_partial_request(trace: TracebackType | None) -> object:
    """Return the request that the parser was reading when it gave up, as far as it came."""
    result = None
    while trace is not None:
        candidate = trace.tb_frame.f_locals.get("self")
        result = candidate if hasattr(candidate, "method") else result
        trace = trace.tb_next
    return result


def _rejection_app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    error = environ.pop(_ERROR_KEY)
    exchange: Any = start_response.__self__  # type: ignore[attr-defined]
    exchange.response.outcome = "rejected"
    exchange.context.exc_type = type(error).__name__
    bind(reason=_format_reason(error))
    start_response(environ[_STATUS_KEY], [])
    return ()  # an empty error is the envelope's to fill


def _format_reason(error: BaseException) -> str:
    """Return what the parser says, without the query string that may be in it."""
    text = re.sub(r"\?[^\s'\"]*", "?…", str(error))
    return printable(text[:_MAX_REASON_LENGTH])
