"""How a response went: what there is to tell of it when it has ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from sys import exception
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from wsgi_observe._safely import warn_once
from wsgi_observe.context import RequestContext, activate, attach_request_id, get_raw_context
from wsgi_observe.wsgi.exceptions import (
    as_exception,
    is_client_disconnect,
    is_close_of_generator,
    is_logged,
    is_raised_by_server,
    is_shutdown,
)
from wsgi_observe.wsgi.file_wrapper import as_bytes

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_STATUS_CODES = {str(status_code): status_code for status_code in range(100, 1000)}


class Response(RequestContext):
    """The facts of one response, from the call of the app to the end of its body.

    Times are seconds of ``time.perf_counter``, 0.0 for not yet. ``outcome`` is None while it is
    undecided.
    """

    __slots__ = (
        "bytes_yielded",
        "error_handler",
        "expose_request_id",
        "headers",
        "headers_sent_at",
        "is_upgrade",
        "outcome",
        "outer",
        "prior_exception",
        "request_entry",
        "started_at",
        "status",
    )

    error_handler: ErrorHandler | None
    """What hangs right over the app."""

    outer: Response | None
    """The exchange further out that has the scope of this very request."""

    status: str
    headers: Headers
    bytes_yielded: int
    """Bytes that the server took from the body."""

    bytes_written = 0
    """Bytes that went out by `write`."""

    prior_exception: BaseException | None
    """What was being handled when the app was called, or later when it gave the last chunk."""

    is_native_file = False
    """Whether the server sends the body by its own means, so that we see none of it."""

    outcome: str | None
    started_at: float
    headers_sent_at: float
    exc_type: str | None = None
    expose_request_id: bool
    """Whether scripts of other origins may read the request's ID, where they may the response."""

    may_have_body = False
    """Whether the request may have a body."""

    is_upgrade: bool

    request_entry: Any
    """The request's slot of the flight recorder, for a door that has another path to show; not
    set where there is no recorder."""

    @property
    def context(self) -> Response:
        """The scope of the request: the exchange itself, or the one further out."""
        return self.outer or self

    @property
    def status_code(self) -> int:
        """The status code that the client was sent; 0 for none."""
        return _STATUS_CODES.get(self.status[:3], 0) if self.headers_sent_at else 0

    @property
    def bytes_sent(self) -> int:
        """The bytes of the body that the server was given."""
        return self.bytes_written + self.bytes_yielded

    def content_length(self) -> int | None:
        """Return the bytes that ``Content-Length`` promises, if it is there."""
        for name, value in self.headers:
            if name.lower() == "content-length" and value.isdecimal():
                return int(value)
        return None

    def infer_outcome(self) -> str:
        """Name the end of a body that was closed before its last chunk was asked for."""
        # Servers close it while they handle what ended it: a lost client mostly.
        error = self.new_exception()
        is_complete = not self.is_native_file and self._is_complete()
        if error is not None:
            if is_client_disconnect(error):
                return "aborted"
            if not is_complete or is_raised_by_server(error):
                self.record_late_failure(error)
                return "broken"
        if self.is_upgrade and self.status_code == 101:
            return "upgraded"
        return "complete" if is_complete else "aborted"

    def new_exception(self) -> BaseException | None:
        """Return the exception that is being handled, unless it is older than the last chunk.

        A gateway may call the app while it handles an error of its own, and close the body there.
        """
        error = exception()
        return None if error is self.prior_exception else error

    def _is_complete(self) -> bool:
        """Return whether the server was given all of the body."""
        has_no_body = self.status_code in (204, 304) or self.method == "HEAD"
        return has_no_body or self.bytes_sent == self.content_length()

    @property
    def method(self) -> str:
        """The request's method, as its environ has it now."""
        method: str = self.environ.get("REQUEST_METHOD", "")
        return method

    def record_late_failure(self, error: BaseException) -> BaseException:
        """Note that the app failed when its headers had left; return what to raise for it."""
        if self.outcome == "aborted" and is_logged(error):
            return error
        if is_shutdown(error):
            self.outcome = "aborted"
            return error
        self.outcome = "broken"
        self._record_exception(error)
        if self.error_handler is None:  # the server logs it
            attach_request_id(error, self.context.request_id)
        return error if self.error_handler is None else as_exception(error, self.context)

    def _record_exception(self, error: BaseException) -> None:
        self.exc_type = type(error).__name__
        if self.error_handler is not None:
            self.error_handler.log_exception(self, error)


Headers = list[tuple[str, str]]


class StaticResponse(NamedTuple):
    """A whole response, made here instead of by the app."""

    status: str
    headers: Headers
    body: bytes

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Be a WSGI app that always answers this."""
        start_response(self.status, list(self.headers))
        return iter(self.body_for(environ))  # a body without a length spares the exchange a wrapper

    def body_for(self, environ: WSGIEnvironment) -> list[bytes]:
        """Return the body that this request gets."""
        return [] if environ.get("REQUEST_METHOD") == "HEAD" else [self.body]


class ErrorHandler(Protocol):
    """What hangs right over the app."""

    def handle_exception(self, response: Response, error: BaseException) -> StaticResponse | None:
        """Answer for an app that failed before anything was sent; None lets the error rise."""

    def replace_error_response(
        self, response: Response, first_chunk: bytes | None
    ) -> StaticResponse | None:
        """Answer instead of the app's error response; None keeps that as it is.

        `first_chunk` is the first chunk that is not empty, or None where there is none.
        """

    def log_exception(self, response: Response, error: BaseException) -> None:
        """Log a failure that came too late to be answered, or that the app has answered."""


EXHAUSTED = object()


class ResponseBody(Response):
    """What the server iterates and closes in place of the app's body."""

    __slots__ = ("_app_iter", "_close_app_iter", "_closed", "_first_chunk", "on_close")

    on_close: tuple[Callable[..., None], ...]
    """What the middlewares do with the exchange when it has ended, the innermost first."""

    _first_chunk: bytes | None
    _app_iter: Iterable[bytes]
    _close_app_iter: Callable[[], object] | None
    _closed: bool
    _pending_writes: tuple[bytes, ...] = ()  # by `write`, where the server has none

    def __iter__(self) -> Iterator[bytes]:
        """Pass the chunks on, each as it comes."""
        context = self.outer or self
        try:
            first_chunk = self._first_chunk
            # Counted anew each time: some servers add a sized body up before they send it.
            bytes_yielded = 0
            if first_chunk is not None:
                self.bytes_yielded = bytes_yielded = len(first_chunk)
                self.prior_exception = exception()
                yield first_chunk
            if get_raw_context() is not context:
                self._reactivate(context)
            for chunk in self._app_iter:
                if chunk.__class__ is not bytes or self._pending_writes:
                    chunk = self._take_pending_writes() + as_bytes(chunk)
                self.bytes_yielded = bytes_yielded = bytes_yielded + len(chunk)
                self.prior_exception = exception()
                yield chunk
                if get_raw_context() is not context:
                    self._reactivate(context)
            if self._pending_writes:
                last = self._take_pending_writes()
                self.bytes_yielded += len(last)
                self.prior_exception = exception()
                yield last
        except BaseException as error:
            if is_close_of_generator(error):
                raise
            raise self.record_late_failure(error)
        if self.outcome is None:
            self.outcome = "complete"

    def _reactivate(self, context: RequestContext) -> None:
        """Bind the request again before the app makes its next chunk.

        The server may pull it from another thread, greenlet or context, or have pulled one of
        another request's in between. A ``log_context`` that the app has left open stays.
        """
        if not self._closed and not context.is_ancestor_of(get_raw_context()):
            activate(context)

    def close(self) -> None:
        """End the request, once: close the app's body, do what is in ``on_close``, unbind.

        Raises what the app's `close` raises, after everything else is done.
        """
        if self._closed:
            return
        self._closed = True
        close_app_iter = self._close_app_iter
        # A generator app holds our `start_response`: until here that was a cycle.
        self._app_iter, self._close_app_iter, self._first_chunk = (), None, None
        previous = get_raw_context()
        context = self.outer or self
        if previous is not context:
            activate(context)
        if self.outcome is None:
            self.outcome = self.infer_outcome()
        self.prior_exception = shutdown = None  # a traceback may lead back here
        try:
            if close_app_iter is not None:
                close_app_iter()
        except BaseException as error:
            raise self.record_late_failure(error)
        finally:
            for hook in self.on_close:
                try:
                    hook(self)
                except BaseException as error:
                    shutdown = _warn_unless_shutdown(error, hook) or shutdown
            if self.outer is None:
                self.end(previous)
            else:
                activate(previous)
            if shutdown is not None:
                raise shutdown

    def set_app_iter(self, body: Iterable[bytes]) -> None:
        """Pass the app's body on from its first chunk, and close it at the end."""
        self._app_iter, self._close_app_iter = iter(body), getattr(body, "close", None)
        self._first_chunk = None

    def set_remaining(self, remaining: Iterable[bytes]) -> None:
        """Have `remaining` come after the first chunk, however often the server iterates."""
        self._app_iter = remaining

    def _check_first_chunk(self, first_chunk: object, body: object) -> bytes | None:
        """Return the first chunk, None if there is none; raise TypeError for what is not one."""
        if first_chunk is EXHAUSTED:
            self._app_iter = ()  # not every iterator may be asked once more
            return None
        if isinstance(body, bytes):
            self._app_iter = ()  # not iterable as chunks (PEP 3333), but uWSGI sends it
            return body
        return as_bytes(first_chunk)

    def prepend_pending_writes(self) -> Iterable[bytes]:
        """Let the body begin with what `write` had to keep."""
        if not self._pending_writes:
            return self
        first_chunk = () if self._first_chunk is None else (self._first_chunk,)
        self._app_iter, self._first_chunk = (
            chain(self._pending_writes, first_chunk, self._app_iter),
            None,
        )
        self._pending_writes = ()
        return self

    def raise_after_pending_writes(self, error: BaseException) -> Iterable[bytes]:
        """Let out what `write` had to keep, and only then what the app has raised."""
        self._app_iter, self._first_chunk = chain(self._pending_writes, map(_raise, (error,))), None
        self._pending_writes = ()
        return self

    def _take_pending_writes(self) -> bytes:
        """Return what `write` had to keep since the last chunk."""
        pending, self._pending_writes = self._pending_writes, ()
        return b"".join(pending)


def _warn_unless_shutdown(error: BaseException, hook: Callable[..., None]) -> BaseException | None:
    """Return what is to be raised once all else is done."""
    if is_shutdown(error):
        return error
    warn_once(hook.__qualname__)
    return None


def _raise(error: BaseException) -> bytes:
    raise error
