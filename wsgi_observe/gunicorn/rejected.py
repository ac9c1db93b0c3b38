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

from wsgi_observe.core.context import bind
from wsgi_observe.core.environ import printable
from wsgi_observe.core.failures import any_failure
from wsgi_observe.core.layer import Layer, inward
from wsgi_observe.core.once import warn_once
from wsgi_observe.core.statuses import describe
from wsgi_observe.gunicorn.lacking import offered
from wsgi_observe.inflight.seat import Seat
from wsgi_observe.middleware.access_log import AccessLog
from wsgi_observe.middleware.errors import ErrorEnvelope
from wsgi_observe.middleware.health import Health
from wsgi_observe.middleware.request_id import RequestID
from wsgi_observe.settings import Settings
from wsgi_observe.stack import put_round

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from wsgi_observe.core.exchange import Exchange

_ERROR, _STATUS = "wsgi_observe.rejection", "wsgi_observe.rejected_with"
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([45]\d\d) ")
_is_token = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}").fullmatch  # RFC 9110, 9.1
_LONGEST_REASON = 200
_TIMEOUT = "408 Request Timeout"


def answer_rejected(worker: Any, settings: Settings, seat: Seat | None = None) -> None:
    """Have a worker answer in our shape what Gunicorn refuses, with a line of ours.

    What it says itself, a WARNING without a request, is left out then. So are the alarms about a
    sync worker that has waited for a client until its timeout.

    :param seat: the worker's in the table of running requests.
    """
    gunicorns_own = offered(worker, "handle_error", "requests are rejected in Gunicorn's own form")
    send = offered(util, "write_nonblock", "requests are rejected in Gunicorn's own form")
    if gunicorns_own is not None and send is not None:
        worker.handle_error = _Rejections(worker, settings, seat, gunicorns_own, send).handle_error


class _Rejections:
    """Takes the place of a worker's own `handle_error`, which it falls back to."""

    def __init__(
        self,
        worker: Any,
        settings: Settings,
        seat: Seat | None,
        gunicorns_own: Callable[..., Any],
        send: Callable[..., Any],
    ) -> None:
        self._worker, self._seat = worker, seat
        self._gunicorns_own, self._send = gunicorns_own, send
        self._is_ours = _is_ours(settings)
        layers = (RequestID, AccessLog, ErrorEnvelope)
        self._app = put_round(_reject, layers, settings)
        # That a client costs a worker is worth more than INFO, whatever the level of a 408.
        self._costly = put_round(_reject, layers, settings.replace(access_level=_warning))
        probed = put_round(_Innermost(_reject), layers, settings)
        self._respond_outside_prefix = _outside_prefix(worker, probed, settings)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer, log, and leave the connection to Gunicorn, which closes it."""
        if _is_about_unread_body(exc):
            return  # a client would take a second response for that of its next request
        timed_out = req is None and isinstance(exc, SystemExit) and self._is_aborted()
        try:
            answer = self._answer(req, addr, exc, timed_out=timed_out)
        except any_failure():
            warn_once("answering a rejected request")
            answer = None
        if answer is None:
            self._gunicorns_own(req, client, addr, exc)
            return
        with suppress(OSError):  # the client went: the line is there
            self._send(client, answer)
        if self._seat is not None and timed_out:
            self._seat.explained = True
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)  # or Gunicorn lingers until it is killed

    def _answer(self, req: Any, addr: Any, exc: BaseException, *, timed_out: bool) -> bytes | None:
        if req is not None:
            return self._respond_outside_prefix(req, addr, exc)
        if not self._is_ours:
            return None
        if timed_out:
            return _response(self._costly, _TIMEOUT, addr, _timeout(self._worker, exc))
        status = _status_for(self._worker, exc)
        return None if status is None else _response(self._app, status, addr, exc)

    def _is_aborted(self) -> bool:
        """Return whether the arbiter has ended the worker by its timeout."""
        return self._seat is not None and self._seat.signal == signal.SIGABRT


def _is_about_unread_body(exc: BaseException) -> bool:
    """Return whether the parser failed over what a finished request has left unread of its body.

    Gunicorn reads it away before the next request of a kept connection, and would respond to it.
    """
    trace, names = exc.__traceback__, []
    while trace is not None:
        names.append(trace.tb_frame.f_globals.get("__name__"))
        trace = trace.tb_next
    return ("gunicorn.http.parser", "gunicorn.http.body") in pairwise(names)


def _timeout(worker: Any, exc: BaseException) -> TimeoutError:
    """Return the error for the log line, with the traceback of where the client was waited for."""
    return TimeoutError(
        f"no whole request came within the worker timeout of {worker.cfg.timeout} s, so the worker "
        "is replaced: put a proxy that buffers requests before sync workers, or use gthread"
    ).with_traceback(exc.__traceback__)


def _warning(environ: object, status: int, seconds: float) -> int:
    return logging.WARNING


def _is_ours(settings: Settings) -> bool:
    """Return whether a rejection gets a line of ours and a response in our shape."""
    return settings.uses("access_log") and settings.uses("errors")


def _outside_prefix(
    worker: Any, app: Any, settings: Settings
) -> Callable[[Any, Any, BaseException], bytes | None]:
    """Return what responds to requests outside the prefix at which Gunicorn mounts the app.

    Gunicorn refuses a path that does not begin with ``SCRIPT_NAME`` (an environment variable, or
    a proxy's header) before it calls the app. So it would refuse the probe of an orchestrator,
    which asks the process directly at ``/health``.
    """
    for health in inward(getattr(worker, "wsgi", None)):
        if isinstance(health, Health):
            app.take_in(health, ahead_of=(AccessLog, ErrorEnvelope, _Innermost))

    def respond(req: Any, addr: Any, exc: BaseException) -> bytes | None:
        if not isinstance(exc, ConfigurationProblem):
            return None
        notes = _Notes()
        wire: Any = notes  # in place of the client's socket
        req.headers = [*req.headers, ("SCRIPT_NAME", "")]  # the last one counts: no prefix
        started = datetime.now()
        resp, environ = wsgi.create(req, wire, addr, "", worker.cfg)
        resp.force_close()
        environ[_STATUS] = _status_for(worker, exc) or "500 Internal Server Error"
        environ[_ERROR] = exc
        _write_response(app, environ, resp)
        if not _is_ours(settings) and _ERROR not in environ:
            return None  # rejected, and without a line of ours
        worker.log.access(resp, req, environ, datetime.now() - started)
        return notes.sent

    return respond


class _Innermost(Layer):
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


class _Notes:
    """Stands in for the client and the logger of a worker: notes what they would be told."""

    def __init__(self) -> None:
        self.sent = b""
        self.is_failure = False

    def gettimeout(self) -> float:
        return 0.0

    def sendall(self, data: bytes) -> None:
        self.sent += data

    def exception(self, *arguments: object, **keywords: object) -> None:
        self.is_failure = True

    def _nothing(self, *arguments: object, **keywords: object) -> None:
        pass

    setblocking = send = access = debug = info = warning = error = _nothing


def _status_for(worker: Any, exc: BaseException) -> str | None:
    """Return the status that Gunicorn gives a rejection; None for what is a failure to it.

    Gunicorn itself is asked, for nobody to see: each of its versions knows other rejections.
    """
    notes = _Notes()
    stand_in = SimpleNamespace(cfg=worker.cfg, log=notes)
    type(worker).handle_error(stand_in, None, notes, None, exc)
    found = _STATUS_LINE.match(notes.sent)
    if notes.is_failure or found is None:
        return None
    return f"{int(found[1])} {describe(int(found[1]))[0]}"


def _response(app: WSGIApplication, status: str, addr: Any, exc: BaseException) -> bytes:
    """Return the whole answer, as bytes for the wire; its access line is written by now."""
    head: list[str] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        lines = [f"{name}: {value}\r\n" for name, value in headers]
        head[:] = [f"HTTP/1.1 {status}\r\nConnection: close\r\n", *lines, "\r\n"]

    body = app(_environ(status, addr, exc), start_response)
    try:
        chunks = b"".join(body)
    finally:
        body.close()  # type: ignore[attr-defined]
    return "".join(head).encode("latin-1") + chunks


def _environ(status: str, addr: Any, exc: BaseException) -> WSGIEnvironment:
    request = _read_so_far(exc.__traceback__)
    return {
        "REQUEST_METHOD": _method(request),
        "SCRIPT_NAME": "",
        "PATH_INFO": getattr(request, "path", None) or "-",
        # A socket of the file system has no address.
        "REMOTE_ADDR": addr[0] if isinstance(addr, tuple) and addr else "",
        "HTTP_X_FORWARDED_FOR": _forwarded(request),
        _STATUS: status,
        _ERROR: exc,
    }


def _method(request: object) -> str:
    """Return the method, or ``-`` for what may be anything, a form's fields too."""
    method = str(getattr(request, "method", None) or "-")
    return method if _is_token(method) else "-"


def _forwarded(request: object) -> str:
    headers = getattr(request, "headers", None) or ()
    return ",".join(value for name, value in headers if name == "X-FORWARDED-FOR")


def _read_so_far(trace: TracebackType | None) -> object:
    """Return the request that the parser was reading when it gave up, as far as it came."""
    found = None
    while trace is not None:
        candidate = trace.tb_frame.f_locals.get("self")
        found = candidate if hasattr(candidate, "method") else found
        trace = trace.tb_next
    return found


def _reject(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    error = environ.pop(_ERROR)
    exchange: Any = start_response.__self__  # type: ignore[attr-defined]
    exchange.outcome = "rejected"
    exchange.exc_type = type(error).__name__
    bind(reason=_reason(error))
    start_response(environ[_STATUS], [])
    return ()  # an empty error is the envelope's to fill


def _reason(error: BaseException) -> str:
    """Return what the parser says, without the query string that may be in it."""
    text = re.sub(r"\?[^\s'\"]*", "?…", str(error))
    return printable(text[:_LONGEST_REASON])
