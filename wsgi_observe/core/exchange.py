"""The WSGI protocol (PEP 3333), said once: one held-back start, one wrapped body, one end.

The outermost middleware opens the exchange; those inside find it as the ``__self__`` of the
``start_response`` they are given, and hang their part of the work on it. The app's start is
held back until its first chunk is there, so that whatever fails before can still be answered.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from time import perf_counter
from typing import TYPE_CHECKING, Any, cast

from wsgi_observe.core.body import END, WrappedBody
from wsgi_observe.core.context import bound, resume, running, scope_of
from wsgi_observe.core.failures import ends_quietly, mark_logged
from wsgi_observe.core.fast_paths import (
    SizedBody,
    may_be_sent_whole,
    require_bytes,
    send_native_file,
    sized,
)
from wsgi_observe.core.headers import make_ready
from wsgi_observe.core.listeners import on_request, tell_of
from wsgi_observe.core.net import Answer, Headers, Net
from wsgi_observe.core.upgrade import run_unheld

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from wsgi_observe.core.transfer import Transfer


class Exchange(WrappedBody):
    """One request's talk between the server and the app; the server iterates and closes it."""

    __slots__ = ("_server_start", "_server_write")

    _server_write: Callable[[bytes], object] | None

    _refused = False  # the server's own `start_response` has raised

    def __init__(self, environ: WSGIEnvironment, start_response: StartResponse) -> None:
        # Made for each request: what is seldom set has its default in the class.
        self.environ = environ
        self.request_id = None
        self.status = ""
        self.headers = []
        self.outcome = None
        self.passed = 0
        self.started_at = 0.0
        self.went_out_at = 0.0
        self.at_end = ()
        self.net = self.shared = None
        self.unheld = False
        self._server_start = start_response
        self._close_app = None
        self._closed = False
        if bound() is not None:
            self._meet_outer()

    def run(self, app: WSGIApplication, environ: WSGIEnvironment) -> Iterable[bytes]:
        """Call the app, wait for its first chunk and let the start out; return the body.

        Raises what the app raises where nobody answers for it.
        """
        resume(self.shared or self)
        try:
            if on_request:
                tell_of(self.scope)
            if "HTTP_UPGRADE" in environ and environ["HTTP_UPGRADE"].lower() == "websocket":
                return run_unheld(self, app, environ)
            body: Any = app(environ, self.start_response)
            if body.__class__ is not list:  # which has no `close`, and is no file
                self._close_app = getattr(body, "close", None)
                if "wsgi.file_wrapper" in environ and may_be_sent_whole(self, environ, body):
                    return send_native_file(self, body)
            self._chunks = chunks = iter(body)
            first = next(chunks, END)
            self._first = first if first.__class__ is bytes else self._check_first(first, body)
            # Only now: an app may have started on its first `next`.
            if self.went_out_at:
                return self.put_kept_first()
            if self.status >= "4" and self.net is not None:
                return self._respond_to_error(self.net, chunks, body)
            self.start()
            if body.__class__ is list and len(body) == 1:
                return SizedBody(self, 1)
            return sized(self, body) if hasattr(body, "__len__") else self
        except BaseException as error:
            answered = self._answer_for(error)
            if answered is None:
                raise self._give_up(error)
            return answered

    def start_response(
        self, status: str, headers: Headers, exc_info: OptExcInfo | None = None, /
    ) -> Callable[[bytes], object]:
        """Hold back the app's status and headers: the `start_response` that the app is given.

        Raises what is in `exc_info` when the response has begun, and AssertionError for a
        second call without one, as PEP 3333 asks.
        """
        try:
            if self.status or exc_info is not None:
                self._restart(status, exc_info)
        finally:
            exc_info = None  # as PEP 3333 asks: its traceback holds this frame
        self.status = status
        self.headers = list(headers)  # the app may go on with its own
        if on_request:
            tell_of(self.scope)
        if self.unheld:
            self.start()
        return self.write

    def write(self, data: bytes) -> None:
        """Send `data` at once: the imperative way out that PEP 3333 keeps for old apps."""
        if not require_bytes(data):
            return
        if not self.went_out_at:
            self.start()
        if self._server_write is None:  # granian and bjoern have none
            self._kept += (data,)
            return
        try:
            self._server_write(data)
        except OSError as error:
            self.outcome = "aborted"
            mark_logged(error, self.scope)  # the client went; the app only hears of it
            raise
        self.written += len(data)

    def _meet_outer(self) -> None:
        """Find what is bound here already: this very request, or one that it interrupts."""
        # A foreign middleware between two of ours makes a second exchange of one request.
        self.shared = cast("Transfer | None", scope_of(self.environ))
        outer = running()
        if self.shared is None and outer is not None:
            self.interrupt(outer)

    def start(self, exc_info: OptExcInfo | None = None) -> None:
        """Let the start climb out."""
        if not self.status:
            raise AssertionError("the app never called start_response (PEP 3333)")
        make_ready(self.headers, self.request_id)
        try:
            if exc_info is None:
                self._server_write = self._server_start(self.status, self.headers)
            else:
                self._server_write = self._server_start(self.status, self.headers, exc_info)
        except BaseException as error:
            self._refused = True
            if exc_info is None or not isinstance(error, SystemError):
                raise
            # uWSGI has taken the start by then, and fails over what came with it.
            self._server_write = self._server_start(self.status, self.headers)
        # Nobody asks for the time where no clock was started.
        self.went_out_at = perf_counter() if self.started_at else 1.0

    def _restart(self, status: str, exc_info: OptExcInfo | None) -> None:
        """Let the app change its mind, if it says why and the first start is not out."""
        error = None if exc_info is None else exc_info[1]
        if error is None:
            if self.status:
                raise AssertionError("start_response called twice without exc_info (PEP 3333)")
        elif self.went_out_at:
            try:
                raise error
            finally:
                del error, exc_info  # or its traceback would hold itself
        elif status >= "5":
            self._note(error)

    def _respond_to_error(
        self, net: Net, chunks: Iterator[bytes], body: Iterable[bytes]
    ) -> Iterable[bytes]:
        """Let the start of an error out, or an answer of ours in its place."""
        is_whole = self._first != b""
        while self._first == b"":  # an empty body is ours to fill
            self._first = self._check_first(next(chunks, END), body)
        if self.went_out_at:
            return self.put_kept_first()
        answer = net.rewrite(self, self._first)
        if answer is not None:
            return self._send(answer)
        self.start()
        return sized(self, body) if is_whole and hasattr(body, "__len__") else self

    def _send(self, answer: Answer, exc_info: OptExcInfo | None = None) -> Iterable[bytes]:
        """Let an answer of ours out; the app's body is still closed at the end."""
        self.status, self.headers, payload = answer
        self._chunks = ()
        self._first = None if self.method == "HEAD" else payload
        self.start(exc_info)
        return self

    def _answer_for(self, error: BaseException) -> Iterable[bytes] | None:
        """Answer for an app that failed before anything was sent; None where nobody does."""
        if self._kept and not ends_quietly(error):
            return self.fail_after_kept(error)  # as on a server with a `write`: half is out
        if self.net is None or self.went_out_at or self.unheld or ends_quietly(error):
            return None
        self.exc_type = type(error).__name__
        try:
            answer = self.net.catch(self, error)
            if answer is None:
                return None
            # The server is handed the exception only where it has refused our headers itself:
            # then PEP 3333 asks for it. Elsewhere it would log it again, or fail over it (uWSGI).
            return self._send(answer, sys.exc_info() if self._refused else None)
        except BaseException as second:
            raise self._give_up(second)

    def _give_up(self, error: BaseException) -> BaseException:
        """End a request that nobody can answer; return what to raise."""
        if self.unheld and isinstance(error, StopIteration):
            self.outcome = "upgraded"  # flask-sock leaves this way under Gunicorn
        elif self.went_out_at or self.unheld or self._refused:
            error = self.break_off(error)
        else:
            self.outcome = "aborted" if ends_quietly(error) else "broken"
            self.exc_type = type(error).__name__
        with suppress(BaseException):  # the first failure is the one to raise
            self.close()
        return error
