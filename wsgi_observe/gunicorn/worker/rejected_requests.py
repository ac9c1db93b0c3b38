"""Requests that Gunicorn rejects before it calls the app: an envelope and one access line each.

It also rejects a path that does not begin with ``SCRIPT_NAME`` (an environment variable, or a
proxy's header), and so the probe of an orchestrator, which requests ``/health`` from the process
directly. Such a probe is answered.
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
from traceback import walk_tb
from types import SimpleNamespace, TracebackType
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from gunicorn import util
from gunicorn.http import wsgi
from gunicorn.http.errors import ConfigurationProblem

from wsgi_observe._safely import warn_once
from wsgi_observe.errors import describe_status
from wsgi_observe.gunicorn.compat import optional_attr
from wsgi_observe.metrics.events import REQUESTS_REJECTED, add_event
from wsgi_observe.middleware.access_log import AccessLog
from wsgi_observe.middleware.errors import ErrorEnvelope
from wsgi_observe.middleware.health import Health
from wsgi_observe.middleware.request_id import RequestID
from wsgi_observe.scoreboard.scoreboard import WorkerEntry
from wsgi_observe.settings import Settings
from wsgi_observe.stack import wrap
from wsgi_observe.wsgi.environ import printable
from wsgi_observe.wsgi.exceptions import any_failure
from wsgi_observe.wsgi.exchange import Exchange
from wsgi_observe.wsgi.middleware import Middleware, find_middlewares

_ERROR_KEY, _STATUS_KEY = "wsgi_observe.rejection_error", "wsgi_observe.rejection_status"

_is_token = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}").fullmatch  # RFC 9110, 9.1
_MAX_REASON_LENGTH = 200
_SERVER_ERROR = "500 Internal Server Error"
_NOT_OURS = "rejected requests get Gunicorn's own response, and no access line or request ID"


def handle_rejected_requests(
    worker: Any, settings: Settings, worker_entry: WorkerEntry | None = None
) -> None:
    """Replace `handle_error` of a worker: a rejected request gets our response and access line.

    Gunicorn's own WARNING, which names no request, is left out then, and so is its CRITICAL line
    about a sync worker that waited for a client until its timeout.

    :param worker_entry: the worker's entry in the scoreboard.
    """
    owners = {"handle_error": worker, "write_nonblock": util}
    if all(optional_attr(owner, name, _NOT_OURS) for name, owner in owners.items()):
        worker.handle_error = _RejectionHandler(worker, settings, worker_entry).handle_error


class _RejectionHandler:
    """Replacement of a worker's `handle_error`, which it falls back to."""

    def __init__(self, worker: Any, settings: Settings, worker_entry: WorkerEntry | None) -> None:
        self._worker, self._worker_entry = worker, worker_entry
        self._original_handle_error = worker.handle_error
        self._is_enabled = all(map(settings.has_middleware, ("access_log", "errors")))
        self._app = _make_app(settings)
        # A client that costs a worker is worth more than INFO, whatever the level of a 408.
        self._timeout_app = _make_app(settings.replace(access_level=lambda *_: logging.WARNING))
        self._probe_app = _make_probe_app(getattr(worker, "wsgi", None), settings)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Respond and log; Gunicorn closes the connection."""
        if _is_about_unread_body(exc):
            return  # a client would take a second response for that of its next request
        entry = self._worker_entry
        is_aborted = entry is not None and entry.signal == signal.SIGABRT  # by the arbiter
        is_timeout = req is None and isinstance(exc, SystemExit) and is_aborted
        try:
            response = self._respond(req, addr, exc, is_timeout=is_timeout)
        except any_failure():
            warn_once("responding to a rejected request")
            response = None
        if response is None:
            self._original_handle_error(req, client, addr, exc)
            return
        with suppress(OSError):  # the client may have disconnected
            util.write_nonblock(client, response)
        if entry is not None and is_timeout:
            entry.has_logged_exit = True
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)  # or Gunicorn lingers until it is killed

    def _respond(
        self, req: Any, addr: Any, exc: BaseException, *, is_timeout: bool
    ) -> bytes | None:
        """Return the whole response; None for an error that Gunicorn is to handle itself."""
        if req is not None:
            is_outside_prefix = isinstance(exc, ConfigurationProblem)
            return self._respond_outside_prefix(req, addr, exc) if is_outside_prefix else None
        if not self._is_enabled:
            return None
        if is_timeout:
            app, status = self._timeout_app, "408 Request Timeout"
            exc = _make_timeout_error(self._worker, exc)
        else:
            app, status = self._app, _get_gunicorn_status(self._worker, exc)
            if status == _SERVER_ERROR:  # which is no rejection
                return None
        environ = _make_environ(addr, exc)
        partial_req: Any = SimpleNamespace(method=environ["REQUEST_METHOD"], version=(1, 1))
        stub: Any = _RecordingSocket()
        resp = wsgi.Response(partial_req, stub, self._worker.cfg)
        return _write_response(app, environ, resp, status, exc)

    def _respond_outside_prefix(self, req: Any, addr: Any, exc: BaseException) -> bytes | None:
        req.headers = [*req.headers, ("SCRIPT_NAME", "")]  # the last one counts: no prefix
        started = datetime.now()
        stub: Any = _RecordingSocket()
        resp, environ = wsgi.create(req, stub, addr, "", self._worker.cfg)
        response = _write_response(self._probe_app, environ, resp, _SERVER_ERROR, exc)
        if _ERROR_KEY not in environ and not self._is_enabled:
            return None
        self._worker.log.access(resp, req, environ, datetime.now() - started)
        return response


def _is_about_unread_body(exc: BaseException) -> bool:
    """Return whether the parser failed over the unread body of the previous request.

    Gunicorn reads it before the next request of a kept-alive connection, and would respond to it.
    """
    modules = [frame.f_globals.get("__name__") for frame, _ in walk_tb(exc.__traceback__)]
    return ("gunicorn.http.parser", "gunicorn.http.body") in pairwise(modules)


def _make_timeout_error(worker: Any, exc: BaseException) -> TimeoutError:
    """Return the error for the log line, with the traceback of the wait for the client."""
    return TimeoutError(
        f"no complete request arrived within the worker timeout of {worker.cfg.timeout} s, so the "
        "worker is replaced: put a proxy that buffers requests before sync workers, or use gthread"
    ).with_traceback(exc.__traceback__)


class _RecordingSocket:
    """Stand-in for a client's socket that records what is sent, and for a worker's logger."""

    def __init__(self) -> None:
        self.sent = b""

    def gettimeout(self) -> float:
        """Be a non-blocking socket."""
        return 0.0

    def sendall(self, data: bytes) -> None:
        """Record what is sent to the client."""
        self.sent += data

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *args, **kwargs: None


def _get_gunicorn_status(worker: Any, exc: BaseException) -> str:
    """Return the status that Gunicorn gives an error.

    Its own `handle_error` runs against a stub: each version of Gunicorn knows other rejections.
    """
    stub = _RecordingSocket()
    fake_worker = SimpleNamespace(cfg=worker.cfg, log=stub)
    type(worker).handle_error(fake_worker, None, stub, None, exc)
    code = int(stub.sent.split(None, 2)[1])
    return f"{code} {describe_status(code)[0]}"


def _write_response(
    app: WSGIApplication, environ: Any, resp: Any, status: str, exc: BaseException
) -> bytes:
    """Call an app as Gunicorn's workers do, and return what it sends.

    The status and the exception are those of a rejection, unless the app answers a probe.
    """
    environ |= {_STATUS_KEY: status, _ERROR_KEY: exc}
    resp.force_close()
    body = app(environ, resp.start_response)
    try:
        for chunk in body:
            resp.write(chunk)
        resp.close()
    finally:
        close = getattr(body, "close", None)
        if close is not None:
            close()
    sent: bytes = resp.sock.sent
    return sent


def _make_environ(addr: Any, exc: BaseException) -> WSGIEnvironment:
    request = _get_partial_request(exc.__traceback__)
    method = str(getattr(request, "method", None) or "-")
    headers: dict[str, str] = {}
    for name, value in getattr(request, "headers", None) or ():
        key = f"HTTP_{name.replace('-', '_')}"
        headers[key] = f"{headers[key]},{value}" if key in headers else value
    headers.pop("HTTP_UPGRADE", None)  # which no app is there to answer
    return {
        **headers,  # empty if they are what was rejected
        # What is not a token may be anything, a form's fields too.
        "REQUEST_METHOD": method if _is_token(method) else "-",
        "SCRIPT_NAME": "",
        "PATH_INFO": getattr(request, "path", None) or "-",
        # A Unix domain socket has no address.
        "REMOTE_ADDR": addr[0] if isinstance(addr, tuple) and addr else "",
    }


def _get_partial_request(traceback: TracebackType | None) -> object:
    """Return the request that the parser was reading when it failed, as far as it was read."""
    candidates = [frame.f_locals.get("self") for frame, _ in walk_tb(traceback)]
    return next((one for one in reversed(candidates) if hasattr(one, "method")), None)


class _Rejection(Middleware):
    """Mark a request as rejected; belongs right outside `_send_status`."""

    def process_request(self, exchange: Exchange, environ: WSGIEnvironment) -> None:
        """Set the outcome and the reason for the access line."""
        error = environ.pop(_ERROR_KEY)
        exchange.response.outcome = "rejected"
        exchange.context.exc_type = type(error).__name__
        exchange.context.bind({"reason": _format_reason(error)})
        add_event(REQUESTS_REJECTED, environ[_STATUS_KEY][:3])


def _send_status(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Respond with the status in the environ and an empty body, for the envelope to fill."""
    start_response(environ[_STATUS_KEY], [])
    return ()


def _format_reason(error: BaseException) -> str:
    """Return the parser's message, without the query string that may be in it."""
    text = re.sub(r"\?[^\s'\"]*", "?…", str(error))
    return printable(text[:_MAX_REASON_LENGTH])


def _make_app(settings: Settings) -> Any:
    return wrap(_Rejection(_send_status), (RequestID, AccessLog, ErrorEnvelope), settings)


def _make_probe_app(observed_app: object, settings: Settings) -> Any:
    """Return an app that answers the probes of `observed_app`, and rejects all other requests."""
    app = _make_app(settings)
    for health in find_middlewares(observed_app, Health):
        app.insert(health, before=(AccessLog, ErrorEnvelope, _Rejection))
    return app
