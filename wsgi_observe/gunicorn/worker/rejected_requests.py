"""Requests that Gunicorn rejects before it calls the app: an envelope and one access line each."""

from __future__ import annotations

import logging
import re
import signal
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import pairwise
from types import SimpleNamespace, TracebackType
from typing import TYPE_CHECKING, Any

from gunicorn import util

from wsgi_observe._safely import warn_once
from wsgi_observe.context import bind
from wsgi_observe.errors.statuses import describe_status
from wsgi_observe.gunicorn.compat import optional_attr
from wsgi_observe.middleware.access_log import AccessLog
from wsgi_observe.middleware.errors import ErrorEnvelope
from wsgi_observe.middleware.request_id import RequestID
from wsgi_observe.scoreboard.scoreboard import WorkerEntry
from wsgi_observe.settings import Settings
from wsgi_observe.stack import wrap
from wsgi_observe.wsgi.environ import printable
from wsgi_observe.wsgi.exceptions import any_failure

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

ERROR_KEY, STATUS_KEY = "wsgi_observe.rejection_error", "wsgi_observe.rejection_status"
REJECTION_MIDDLEWARES = (RequestID, AccessLog, ErrorEnvelope)

_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([45]\d\d) ")
_is_token = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}").fullmatch  # RFC 9110, 9.1
_MAX_REASON_LENGTH = 200
_TIMEOUT_STATUS = "408 Request Timeout"
_NOT_OURS = "rejected requests get Gunicorn's own response, and no access line or request ID"


def handle_rejected_requests(
    worker: Any, settings: Settings, worker_entry: WorkerEntry | None = None
) -> None:
    """Replace `handle_error` of a worker: a rejected request gets our response and access line.

    Gunicorn's own WARNING, which names no request, is left out then, and so is its CRITICAL line
    about a sync worker that waited for a client until its timeout.

    :param worker_entry: the worker's entry in the scoreboard.
    """
    original_handle_error = get_handle_error(worker, _NOT_OURS)
    if original_handle_error is not None:
        worker.handle_error = _RejectionHandler(
            worker, settings, worker_entry, original_handle_error
        ).handle_error


def get_handle_error(worker: Any, consequence: str) -> Callable[..., Any] | None:
    """Return `handle_error` of a worker, if this Gunicorn has all that replaces it."""
    handle_error = optional_attr(worker, "handle_error", consequence)
    return handle_error if optional_attr(util, "write_nonblock", consequence) else None


def can_replace_response(settings: Settings) -> bool:
    """Return whether a rejected request gets an access line of ours and the envelope."""
    return settings.has_middleware("access_log") and settings.has_middleware("errors")


def send_response(client: Any, response: bytes) -> None:
    """Send a whole response, as Gunicorn sends its own; the client may have disconnected."""
    with suppress(OSError):
        util.write_nonblock(client, response)


class _RejectionHandler:
    """Replacement of a worker's `handle_error`, which it falls back to."""

    def __init__(
        self,
        worker: Any,
        settings: Settings,
        worker_entry: WorkerEntry | None,
        original_handle_error: Callable[..., Any],
    ) -> None:
        self._worker, self._worker_entry = worker, worker_entry
        self._original_handle_error = original_handle_error
        self._is_enabled = can_replace_response(settings)
        self._app = wrap(rejection_app, REJECTION_MIDDLEWARES, settings)
        # A client that costs a worker is worth more than INFO, whatever the level of a 408.
        self._timeout_app = wrap(
            rejection_app, REJECTION_MIDDLEWARES, settings.replace(access_level=_warning_level)
        )

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Respond and log; Gunicorn closes the connection."""
        if _is_about_unread_body(exc):
            return  # a client would take a second response for that of its next request
        is_timeout = req is None and isinstance(exc, SystemExit) and self._is_aborted()
        try:
            response = self._respond(addr, exc, is_timeout=is_timeout) if req is None else None
        except any_failure():
            warn_once("responding to a rejected request")
            response = None
        if response is None:
            self._original_handle_error(req, client, addr, exc)
            return
        send_response(client, response)
        if self._worker_entry is not None and is_timeout:
            self._worker_entry.has_logged_exit = True
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)  # or Gunicorn lingers until it is killed

    def _respond(self, addr: Any, exc: BaseException, *, is_timeout: bool) -> bytes | None:
        if not self._is_enabled:
            return None
        if is_timeout:
            error = _make_timeout_error(self._worker, exc)
            return _make_response(self._timeout_app, _TIMEOUT_STATUS, addr, error)
        status = get_gunicorn_status(self._worker, exc)
        return None if status is None else _make_response(self._app, status, addr, exc)

    def _is_aborted(self) -> bool:
        """Return whether the arbiter has ended the worker by its timeout."""
        return self._worker_entry is not None and self._worker_entry.signal == signal.SIGABRT


def _is_about_unread_body(exc: BaseException) -> bool:
    """Return whether the parser failed over the unread body of the previous request.

    Gunicorn reads it before the next request of a kept-alive connection, and would respond to it.
    """
    traceback, modules = exc.__traceback__, []
    while traceback is not None:
        modules.append(traceback.tb_frame.f_globals.get("__name__"))
        traceback = traceback.tb_next
    return ("gunicorn.http.parser", "gunicorn.http.body") in pairwise(modules)


def _make_timeout_error(worker: Any, exc: BaseException) -> TimeoutError:
    """Return the error for the log line, with the traceback of the wait for the client."""
    return TimeoutError(
        f"no complete request arrived within the worker timeout of {worker.cfg.timeout} s, so the "
        "worker is replaced: put a proxy that buffers requests before sync workers, or use gthread"
    ).with_traceback(exc.__traceback__)


def _warning_level(environ: object, status: int, seconds: float) -> int:
    return logging.WARNING


class RecordingStub:
    """Stand-in for a client socket and a worker's logger: records what they are given."""

    def __init__(self) -> None:
        self.sent = b""
        self.has_logged_exception = False

    def gettimeout(self) -> float:
        """Be a non-blocking socket."""
        return 0.0

    def sendall(self, data: bytes) -> None:
        """Record what is sent to the client."""
        self.sent += data

    def exception(self, *args: object, **kwargs: object) -> None:
        """Record that an exception was logged."""
        self.has_logged_exception = True

    def _ignore(self, *args: object, **kwargs: object) -> None:
        pass

    setblocking = send = access = debug = info = warning = error = _ignore


def get_gunicorn_status(worker: Any, exc: BaseException) -> str | None:
    """Return the status that Gunicorn gives a rejection; None for what it logs as a failure.

    Its own `handle_error` runs against a stub: each version of Gunicorn knows other rejections.
    """
    stub = RecordingStub()
    fake_worker = SimpleNamespace(cfg=worker.cfg, log=stub)
    type(worker).handle_error(fake_worker, None, stub, None, exc)
    match = _STATUS_LINE.match(stub.sent)
    if stub.has_logged_exception or match is None:
        return None
    return f"{int(match[1])} {describe_status(int(match[1]))[0]}"


def _make_response(app: WSGIApplication, status: str, addr: Any, exc: BaseException) -> bytes:
    """Return the whole response as bytes for the wire; its access line is written by then."""
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
    method = str(getattr(request, "method", None) or "-")
    headers = getattr(request, "headers", None) or ()
    return {
        # What is not a token may be anything, a form's fields too.
        "REQUEST_METHOD": method if _is_token(method) else "-",
        "SCRIPT_NAME": "",
        "PATH_INFO": getattr(request, "path", None) or "-",
        # A Unix domain socket has no address.
        "REMOTE_ADDR": addr[0] if isinstance(addr, tuple) and addr else "",
        "HTTP_X_FORWARDED_FOR": ",".join(v for name, v in headers if name == "X-FORWARDED-FOR"),
        STATUS_KEY: status,
        ERROR_KEY: exc,
    }


def _get_partial_request(traceback: TracebackType | None) -> object:
    """Return the request that the parser was reading when it failed, as far as it was read."""
    request = None
    while traceback is not None:
        candidate = traceback.tb_frame.f_locals.get("self")
        request = candidate if hasattr(candidate, "method") else request
        traceback = traceback.tb_next
    return request


def rejection_app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Respond with the status in the environ and an empty body, for the envelope to fill."""
    error = environ.pop(ERROR_KEY)
    exchange: Any = start_response.__self__  # type: ignore[attr-defined]
    exchange.response.outcome = "rejected"
    exchange.context.exc_type = type(error).__name__
    bind(reason=_format_reason(error))
    start_response(environ[STATUS_KEY], [])
    return ()


def _format_reason(error: BaseException) -> str:
    """Return the parser's message, without the query string that may be in it."""
    text = re.sub(r"\?[^\s'\"]*", "?…", str(error))
    return printable(text[:_MAX_REASON_LENGTH])
