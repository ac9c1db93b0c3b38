"""The WSGI protocol (PEP 3333), said once: one held-back start, one wrapped body, one end.

The outermost middleware opens the exchange; those inside find it as the ``__self__`` of the
``start_response`` they are given, and hang their part of the work on it. The app's start is
held back until its first chunk is there, so that whatever fails before can still be answered.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from sys import exception
from types import GeneratorType
from typing import TYPE_CHECKING, Any, cast

from wsgi_observe.context import (
    activate,
    attach_request_id,
    call_request_hooks,
    current_context,
    find_outer_context,
    get_raw_context,
    request_hooks,
)
from wsgi_observe.wsgi.exceptions import is_logged, is_shutdown
from wsgi_observe.wsgi.file_wrapper import (
    SizedBody,
    as_sized_body,
    may_use_sendfile,
    send_native_file,
)
from wsgi_observe.wsgi.headers import find_app_request_id
from wsgi_observe.wsgi.response import EXHAUSTED, ErrorHandler, StaticResponse
from wsgi_observe.wsgi.start_response import ResponseStart

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from wsgi_observe.wsgi.response import Response


class Exchange(ResponseStart):
    """One request's talk between the server and the app; the server iterates and closes it."""

    __slots__ = ()

    def __init__(self, environ: WSGIEnvironment, start_response: StartResponse) -> None:
        # Made for each request: what is seldom set has its default in the class.
        self.environ = environ
        self.request_id = None
        self.status = ""
        self.headers = []
        self.prior_exception = exception()
        self.outcome = None
        self.bytes_yielded = 0
        self.started_at = 0.0
        self.headers_sent_at = 0.0
        self.on_close = ()
        self.error_handler = self.outer = None
        self.expose_request_id = True
        self.is_upgrade = False
        self._server_start = start_response
        self._close_app_iter = self._exc_info = None
        self._closed = False
        if get_raw_context() is not None:
            self._find_outer()

    def run(self, app: WSGIApplication, environ: WSGIEnvironment) -> Iterable[bytes]:
        """Call the app, wait for its first chunk and let the start out; return the body.

        Raises what the app raises where nobody answers for it.
        """
        activate(self.outer or self)
        try:
            if request_hooks:
                call_request_hooks(self.context)
            if "HTTP_UPGRADE" in environ and environ["HTTP_UPGRADE"].lower() == "websocket":
                return run_upgrade(self, app, environ)
            body: Any = app(environ, self.start_response)
            if body.__class__ is not list:  # which has no `close`, and is no file
                self._close_app_iter = getattr(body, "close", None)
                if "wsgi.file_wrapper" in environ and may_use_sendfile(self, environ, body):
                    return send_native_file(self, body)
            self._app_iter = app_iter = iter(body)
            first_chunk = next(app_iter, EXHAUSTED)
            self._first_chunk = (
                first_chunk
                if first_chunk.__class__ is bytes
                else self._check_first_chunk(first_chunk, body)
            )
            # Only now: an app may have started on its first `next`.
            if self.headers_sent_at:
                return self.prepend_pending_writes()
            if self.status >= "4" and self.error_handler is not None:
                return self._respond_to_error_status(self.error_handler, app_iter, body)
            self.send_headers()
            if body.__class__ is list and len(body) == 1:
                return SizedBody(self, 1)
            return as_sized_body(self, body) if hasattr(body, "__len__") else self
        except BaseException as error:
            response = self._respond_to_exception(error)
            if response is None:
                raise self._abort(error)
            return response

    def _find_outer(self) -> None:
        """Find what is bound here already: this very request, or one that it interrupts."""
        # A foreign middleware between two of ours makes a second exchange of one request.
        self.outer = cast("Response | None", find_outer_context(self.environ))
        parent = current_context()
        if self.outer is None and parent is not None:
            self.nest_in(parent)

    def _respond_to_error_status(
        self, error_handler: ErrorHandler, app_iter: Iterator[bytes], body: Iterable[bytes]
    ) -> Iterable[bytes]:
        """Let the start of an error out, or an answer of ours in its place."""
        is_length_valid = self._first_chunk != b""
        while self._first_chunk == b"":  # an empty body is ours to fill
            self._first_chunk = self._check_first_chunk(next(app_iter, EXHAUSTED), body)
        if self.headers_sent_at:
            return self.prepend_pending_writes()
        replacement = error_handler.replace_error_response(self, self._first_chunk)
        if replacement is not None:
            if self.context.is_body_unreadable:
                self._close_connection()
            return self._send_replacement(replacement)
        self.send_headers()
        return as_sized_body(self, body) if is_length_valid and hasattr(body, "__len__") else self

    def _send_replacement(
        self, replacement: StaticResponse, exc_info: OptExcInfo | None = None
    ) -> Iterable[bytes]:
        """Let an answer of ours out; the app's body is still closed at the end."""
        self.status, self.headers, payload = replacement
        self._app_iter = ()
        self._first_chunk = None if self.method == "HEAD" else payload
        if exc_info is not None:
            self._exc_info = exc_info
        self.send_headers()
        return self

    def _respond_to_exception(self, error: BaseException) -> Iterable[bytes] | None:
        """Answer for an app that failed before anything was sent; None where nobody does."""
        if not self.headers_sent_at:
            self._bind_app_request_id()
        if self._pending_writes and not is_shutdown(error):
            return self.raise_after_pending_writes(
                error
            )  # as on a server with a `write`: half is out
        if (
            self.error_handler is None
            or self.headers_sent_at
            or self.is_upgrade
            or is_shutdown(error)
        ):
            return None
        self.exc_type = type(error).__name__
        try:
            replacement = self.error_handler.handle_exception(self, error)
            if replacement is None:
                return None
            if self.may_have_body:
                self._close_connection()
            # The server is handed the exception only where it has refused our headers itself:
            # then PEP 3333 asks for it. Elsewhere this is the first start that it gets.
            return self._send_replacement(
                replacement, sys.exc_info() if self._is_start_refused else None
            )
        except BaseException as second:
            raise self._abort(second)

    def _bind_app_request_id(self) -> None:
        """Log the app's own ID too, which no answer of ours has in its headers."""
        context = self.context
        if context.request_id is not None:
            app_request_id = find_app_request_id(self.headers, context.request_id)
            if app_request_id is not None:
                context.bind({"app_request_id": app_request_id})

    def _close_connection(self) -> None:
        """Have Gunicorn close the connection after this response, as it does after an exception.

        Otherwise it waits for the rest of the request body, and cuts the next request off. Other
        servers read the rest away, or close by themselves.
        """
        outermost: Any = self.outer or self
        response = getattr(outermost._server_start, "__self__", None)
        force_close = getattr(response, "force_close", None)
        if force_close is not None:
            force_close()

    def _abort(self, error: BaseException) -> BaseException:
        """End a request that nobody can answer; return what to raise."""
        self._exc_info = None  # its traceback leads back here
        if self.is_upgrade and issubclass(type(error), StopIteration):
            self.outcome = "upgraded"  # flask-sock leaves this way under Gunicorn
        elif self.headers_sent_at or self.is_upgrade or self._is_start_refused:
            error = self.record_late_failure(error)
        else:
            self.outcome = "aborted" if is_shutdown(error) else "broken"
            self.exc_type = type(error).__name__
        if not is_logged(error):  # the server will
            attach_request_id(error, self.context.request_id)
        try:
            self.close()
        except BaseException as second:
            if is_shutdown(second):
                return second
        return error  # the first failure is the one to raise


def run_upgrade(
    exchange: Exchange, app: WSGIApplication, environ: WSGIEnvironment
) -> Iterable[bytes]:
    """Call the app and hold nothing back: it may take the socket and never start a response."""
    exchange.is_upgrade = True
    body = app(environ, exchange.start_response)
    if exchange.status or isinstance(body, GeneratorType):  # which starts on its first `next`
        exchange.set_app_iter(body)
        return exchange.prepend_pending_writes()
    exchange.outcome = "upgraded"
    exchange.close()
    return body
