"""The WSGI exchange of one request (PEP 3333): `start_response`, `write` and one `close`.

The outermost middleware makes it; those inside find it as the ``__self__`` of the
``start_response`` that they are given, and take part in it. The app's status and headers are held
back until its first chunk is there, so that whatever fails before can still be answered.
"""

from __future__ import annotations

from collections.abc import Callable
from sys import exception
from time import perf_counter
from types import TracebackType
from typing import Protocol
from wsgiref.types import StartResponse, WSGIEnvironment

from wsgi_observe._safely import warn_once
from wsgi_observe.context import (
    RequestContext,
    activate,
    attach_request_id,
    current_context,
    get_raw_context,
    request_hooks,
)
from wsgi_observe.wsgi.exceptions import (
    as_exception,
    is_client_disconnect,
    is_logged,
    is_raised_by_server,
    is_shutdown,
    mark_logged,
)
from wsgi_observe.wsgi.headers import Headers, prepare_headers
from wsgi_observe.wsgi.response import Response, StaticResponse, as_bytes

OptExcInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]
"""What `sys.exc_info` returns."""

_CALLED_TWICE = "start_response called twice without exc_info (PEP 3333)"


class ErrorHandler(Protocol):
    """Responds to the failures of the app; the middleware right around it."""

    def handle_exception(self, exchange: Exchange, error: BaseException) -> StaticResponse | None:
        """Return the response for an app that failed before its headers were sent.

        None has the exception raised to the server.
        """

    def replace_error_response(
        self, exchange: Exchange, first_chunk: bytes | None
    ) -> StaticResponse | None:
        """Return what to send instead of the app's error response; None keeps that as it is.

        :param first_chunk: the first chunk that is not empty; None where there is none.
        """

    def log_exception(self, exchange: Exchange, error: BaseException) -> None:
        """Log a failure that came too late for a response, or that the app responded to."""


class Exchange:
    """One request between the server and the app: its context, its response, its end.

    :ivar context: of the request; shared with an exchange further out that serves the same request,
        where a middleware of others is between two of ours.
    :ivar is_outermost: whether the context is this exchange's own, which ends with it.
    :ivar environ: as this exchange's middlewares got it; one of others may have copied it.
    :ivar on_close: hooks of the middlewares for the end of the response, the innermost first.
    :ivar is_upgrade: whether the client requests a WebSocket: then nothing is held back.
    :ivar prior_exception: the exception that was being handled when the app was called, or when the
        server was given the last chunk.
    :ivar pending_writes: data of `write` since the last chunk, on a server that has no `write`.
    :ivar close_app_iter: the `close` of the app's body.
    :ivar exc_info: the app's, until it is passed on with the headers.
    :ivar is_start_refused: whether the server's own `start_response` has raised.
    """

    __slots__ = (
        *("close_app_iter", "context", "environ", "error_handler", "exc_info", "is_closed"),
        *("is_outermost", "is_start_refused", "is_upgrade", "on_close", "pending_writes"),
        *("prior_exception", "response", "_server_start_response", "_server_write"),
    )

    context: RequestContext
    on_close: tuple[Callable[[Exchange], object], ...]
    prior_exception: BaseException | None
    pending_writes: tuple[bytes, ...]
    close_app_iter: Callable[[], object] | None
    exc_info: OptExcInfo | None
    error_handler: ErrorHandler | None
    _server_write: Callable[[bytes], object] | None

    def __init__(self, environ: WSGIEnvironment, start_response: StartResponse) -> None:
        self.environ = environ
        self.on_close = self.pending_writes = ()
        self.error_handler = self.close_app_iter = self.exc_info = None
        self.is_upgrade = self.is_closed = self.is_start_refused = False
        self.prior_exception = exception()
        self.response = Response()
        self._server_start_response = start_response
        if get_raw_context() is None:
            self.context = RequestContext(environ, None, start_response)
            self.is_outermost = True
        else:
            self._join_context(start_response)

    def _join_context(self, start_response: StartResponse) -> None:
        """Share the context that is bound here for this request, or nest in another one."""
        outer = current_context()
        self.is_outermost = outer is None or not outer.serves(self.environ)
        if outer is None or self.is_outermost:
            self.context = RequestContext(self.environ, None, start_response)
            if outer is not None:
                self.context.nest_in(outer)
        else:
            self.context = outer

    @property
    def method(self) -> str:
        """The request's method, as its environ has it now."""
        method: str = self.environ.get("REQUEST_METHOD", "")
        return method

    def start_response(
        self, status: str, headers: Headers, exc_info: OptExcInfo | None = None
    ) -> Callable[[bytes], object]:
        """Hold back the app's status and headers, or replace those that are held back.

        Parameters have the names that they have on servers: middlewares pass them by keyword.
        Raises the exception in `exc_info` when the response has begun, and AssertionError for a
        second call without one, as PEP 3333 asks.
        """
        response = self.response
        try:
            if response.headers_sent_at:
                self._restart(status, headers, exc_info)
                return self.write
            if exc_info:
                self._store_exc_info(status, exc_info)
            elif response.status:
                raise AssertionError(_CALLED_TWICE)
        finally:
            exc_info = None  # as PEP 3333 asks: its traceback holds this frame
        response.status = status
        response.headers = list(headers)  # the app may go on with its own
        for hook in request_hooks:
            hook(self.context)
        if self.is_upgrade:
            self.send_headers()
        return self.write

    def write(self, data: bytes) -> None:
        """Send `data` at once: the imperative `write` that PEP 3333 keeps for old apps."""
        data = as_bytes(data)
        if not data:
            return
        if not self.response.headers_sent_at:
            self.send_headers()
        if self._server_write is None:  # granian and bjoern have none
            self.pending_writes += (data,)
            return
        try:
            self._server_write(data)
        except OSError as error:
            self.response.outcome = "aborted"
            mark_logged(error, self.context)  # the client disconnected; the app has not failed
            raise
        self.response.bytes_written += len(data)

    def take_pending_writes(self) -> bytes:
        """Return the data of `write` since the last chunk, to be sent before the next."""
        pending, self.pending_writes = self.pending_writes, ()
        return b"".join(pending)

    def send_headers(self) -> None:
        """Pass the status and headers on to the server, or to a middleware of others around us."""
        response, context = self.response, self.context
        if not response.status:
            raise AssertionError("the app never called start_response (PEP 3333)")
        request_id = context.request_id if self.is_outermost else None  # that one sends it
        app_id = prepare_headers(response.headers, request_id, context.expose_request_id)
        if app_id is not None:
            context.bind({"app_request_id": app_id})
        try:
            if self.exc_info is None:
                self._server_write = self._server_start_response(response.status, response.headers)
            else:
                self._send_headers_with_exc_info()
        except BaseException:
            self.is_start_refused = True
            raise
        # The time is used only where the access log has set `started_at`.
        response.headers_sent_at = perf_counter() if context.started_at else 1.0

    def _send_headers_with_exc_info(self) -> None:
        """Pass the exception on too, for middlewares further out (PEP 3333)."""
        response = self.response
        exc_info, self.exc_info = self.exc_info, None
        start_response = self._server_start_response
        try:
            self._server_write = start_response(response.status, response.headers, exc_info)
        except SystemError as error:
            # uWSGI has taken the start by then, and fails over the exception itself; unless its
            # headers were sent.
            if response.headers_sent_at:
                raise _get_exception(exc_info) or error
            self._server_write = start_response(response.status, response.headers)
        finally:
            del exc_info  # or its traceback would hold itself

    def _store_exc_info(self, status: str, exc_info: OptExcInfo) -> None:
        """Keep the app's exception until the headers are sent; log it if its status is a 5xx."""
        error = _get_exception(exc_info)
        self.exc_info = None if error is None else exc_info
        if error is not None and status >= "5":
            self._record_exception(error)

    def _restart(self, status: str, headers: Headers, exc_info: OptExcInfo | None) -> None:
        """Pass on a second `start_response`, if nothing but empty chunks has been sent.

        Whether an empty chunk has sent the headers, only the server knows: it does on Gunicorn,
        uWSGI, Werkzeug and wsgiref, and does not on Waitress, cheroot and gevent. Where it does,
        the server raises the exception, as PEP 3333 asks.
        """
        response = self.response
        error = _get_exception(exc_info)
        if error is None:
            raise AssertionError(_CALLED_TWICE)
        before = response.status, response.headers
        # Granian has sent its headers by then, and ignores a new start without an error.
        is_granian = self.environ.get("SERVER_SOFTWARE") == "Granian"
        try:
            if response.bytes_sent or self.pending_writes or is_granian:
                raise error
            response.status, response.headers, self.exc_info = status, list(headers), exc_info
            self.send_headers()
        except BaseException:
            response.status, response.headers = before
            self.exc_info = None
            raise
        else:
            if status >= "5":
                self._record_exception(error)
        finally:
            del error, exc_info  # or its traceback would hold itself
        for hook in request_hooks:
            hook(self.context)

    def close(self) -> None:
        """End the request, once: close the app's body, run the ``on_close`` hooks, unbind.

        Raises what the app's `close` raises, after everything else is done.
        """
        if self.is_closed:
            return
        self.is_closed = True
        # A generator app holds our `start_response`: until here that was a cycle.
        close_app_iter, self.close_app_iter = self.close_app_iter, None
        previous, context = get_raw_context(), self.context
        if previous is not context:
            activate(context)
        if self.response.outcome is None:
            self.response.outcome = self._infer_outcome()
        self.prior_exception = shutdown = None  # a traceback may lead back here
        try:
            if close_app_iter is not None:
                close_app_iter()
        except BaseException as error:
            raise self.record_late_failure(error)
        finally:
            for hook in context.on_close + self.on_close if self.is_outermost else self.on_close:
                try:
                    hook(self)
                except BaseException as error:
                    shutdown = _warn_unless_shutdown(error, hook) or shutdown
            if self.is_outermost:
                context.end(previous)
            else:
                activate(previous)
            if shutdown is not None:
                raise shutdown

    def _infer_outcome(self) -> str:
        """Return the outcome of a body that was closed before its last chunk was asked for."""
        response = self.response
        # Servers close it while they handle what ended it: a client's disconnect mostly.
        error = self.new_exception()
        is_complete = not response.is_native_file and self._is_body_complete()
        if error is not None:
            if is_client_disconnect(error):
                return "aborted"
            if not is_complete or is_raised_by_server(error):
                self.record_late_failure(error)
                return "broken"
        if self.is_upgrade and response.status_code == 101:
            return "upgraded"
        return "complete" if is_complete else "aborted"

    def _is_body_complete(self) -> bool:
        """Return whether the server was given all of the body."""
        return self._has_no_body() or self.response.bytes_sent == self.response.content_length

    def _has_no_body(self) -> bool:
        return self.response.status_code in (204, 304) or self.method == "HEAD"

    def new_exception(self) -> BaseException | None:
        """Return the exception that is being handled, unless it is older than the last chunk.

        A gateway may call the app while it handles an error of its own, and close the body there.
        """
        error = exception()
        return None if error is self.prior_exception else error

    def record_end_of_body(self) -> None:
        """Record that the app has yielded its last chunk, and whether that made the body whole.

        A client waits for what its ``Content-Length`` lacks, and never sees what exceeds it.
        A body without any bytes may be replaced further out (``X-Sendfile``, ``X-Accel-Redirect``).
        """
        response = self.response
        bytes_sent = response.bytes_written + response.bytes_yielded  # as `bytes_sent`, uncalled
        length = response.content_length if bytes_sent else None
        if length is None or length == bytes_sent or self._has_no_body():
            response.outcome = "complete"
            return
        response.outcome = "broken"
        reason = f"Content-Length is {length}, and the body has {bytes_sent} bytes"
        self.context.add_fields({"reason": reason}, first=True)  # unless the app has one

    def record_late_failure(self, error: BaseException) -> BaseException:
        """Record that the app failed after its headers were sent; return what to raise for it."""
        response = self.response
        if response.outcome == "aborted" and is_logged(error):
            return error
        if is_shutdown(error):
            response.outcome = "aborted"
            return error
        response.outcome = "broken"
        self._record_exception(error)
        if self.error_handler is None:  # the server logs it
            attach_request_id(error, self.context.request_id)
            return error
        return as_exception(error, self.context)

    def _record_exception(self, error: BaseException) -> None:
        self.context.exc_type = type(error).__name__
        if self.error_handler is not None:
            self.error_handler.log_exception(self, error)


def _warn_unless_shutdown(
    error: BaseException, hook: Callable[[Exchange], object]
) -> BaseException | None:
    """Return `error` if it is to be raised once all other hooks have run; else log it."""
    if is_shutdown(error):
        return error
    warn_once(hook.__qualname__)
    return None


def _get_exception(exc_info: object) -> BaseException | None:
    """Return the exception of an `exc_info`, if there is one in it.

    Servers take any true value until their headers are sent, so apps and middlewares pass a
    ``sys.exc_info()`` of Nones, too.
    """
    match exc_info:
        case (_, BaseException() as error, _):
            return error
    return None
