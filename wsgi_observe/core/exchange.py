"""The WSGI protocol (PEP 3333), said once: one held-back start, one wrapped body, one end.

The outermost middleware opens the exchange; those inside find it as the ``__self__`` of the
``start_response`` they are given, and hang their part of the work on it. The app's start is
held back until its first chunk is there, so that whatever fails before can still be answered.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from sys import exception
from typing import TYPE_CHECKING, Any, cast

from wsgi_observe.core.body import END
from wsgi_observe.core.context import bound, note_id, resume, running, scope_of
from wsgi_observe.core.failures import is_logged, is_shutdown
from wsgi_observe.core.fast_paths import (
    SizedBody,
    may_be_sent_whole,
    send_native_file,
    sized,
)
from wsgi_observe.core.headers import own_id
from wsgi_observe.core.listeners import on_request, tell_of
from wsgi_observe.core.net import Answer, Net
from wsgi_observe.core.start_response import ResponseStart
from wsgi_observe.core.upgrade import run_unheld

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from wsgi_observe.core.transfer import Transfer


class Exchange(ResponseStart):
    """One request's talk between the server and the app; the server iterates and closes it."""

    __slots__ = ()

    def __init__(self, environ: WSGIEnvironment, start_response: StartResponse) -> None:
        # Made for each request: what is seldom set has its default in the class.
        self.environ = environ
        self.request_id = None
        self.status = ""
        self.headers = []
        self.handled = exception()
        self.outcome = None
        self.passed = 0
        self.started_at = 0.0
        self.went_out_at = 0.0
        self.at_end = ()
        self.net = self.shared = None
        self.exposes_id = True
        self.unheld = False
        self._server_start = start_response
        self._close_app = self._exc_info = None
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

    def _meet_outer(self) -> None:
        """Find what is bound here already: this very request, or one that it interrupts."""
        # A foreign middleware between two of ours makes a second exchange of one request.
        self.shared = cast("Transfer | None", scope_of(self.environ))
        outer = running()
        if self.shared is None and outer is not None:
            self.interrupt(outer)

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
            if self.scope.unreadable:
                self._close_connection()
            return self._send(answer)
        self.start()
        return sized(self, body) if is_whole and hasattr(body, "__len__") else self

    def _send(self, answer: Answer, exc_info: OptExcInfo | None = None) -> Iterable[bytes]:
        """Let an answer of ours out; the app's body is still closed at the end."""
        self.status, self.headers, payload = answer
        self._chunks = ()
        self._first = None if self.method == "HEAD" else payload
        if exc_info is not None:
            self._exc_info = exc_info
        self.start()
        return self

    def _answer_for(self, error: BaseException) -> Iterable[bytes] | None:
        """Answer for an app that failed before anything was sent; None where nobody does."""
        if not self.went_out_at:
            self._bind_own_id()
        if self._kept and not is_shutdown(error):
            return self.fail_after_kept(error)  # as on a server with a `write`: half is out
        if self.net is None or self.went_out_at or self.unheld or is_shutdown(error):
            return None
        self.exc_type = type(error).__name__
        try:
            answer = self.net.catch(self, error)
            if answer is None:
                return None
            if self.may_have_body:
                self._close_connection()
            # The server is handed the exception only where it has refused our headers itself:
            # then PEP 3333 asks for it. Elsewhere this is the first start that it gets.
            return self._send(answer, sys.exc_info() if self._refused else None)
        except BaseException as second:
            raise self._give_up(second)

    def _bind_own_id(self) -> None:
        """Log the app's own ID too, which no answer of ours has in its headers."""
        scope = self.scope
        if scope.request_id is not None:
            own = own_id(self.headers, scope.request_id)
            if own is not None:
                scope.bind({"app_request_id": own})

    def _close_connection(self) -> None:
        """Have Gunicorn close the connection after this response, as it does after an exception.

        Otherwise it waits for the rest of the request body, and cuts the next request off. Other
        servers read the rest away, or close by themselves.
        """
        outermost: Any = self.shared or self
        response = getattr(outermost._server_start, "__self__", None)
        force_close = getattr(response, "force_close", None)
        if force_close is not None:
            force_close()

    def _give_up(self, error: BaseException) -> BaseException:
        """End a request that nobody can answer; return what to raise."""
        self._exc_info = None  # its traceback leads back here
        if self.unheld and issubclass(type(error), StopIteration):
            self.outcome = "upgraded"  # flask-sock leaves this way under Gunicorn
        elif self.went_out_at or self.unheld or self._refused:
            error = self.break_off(error)
        else:
            self.outcome = "aborted" if is_shutdown(error) else "broken"
            self.exc_type = type(error).__name__
        if not is_logged(error):  # the server will
            note_id(error, self.scope.request_id)
        try:
            self.close()
        except BaseException as second:
            if is_shutdown(second):
                return second
        return error  # the first failure is the one to raise
