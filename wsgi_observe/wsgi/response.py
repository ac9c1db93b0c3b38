"""How a response went: what there is to tell of it when it has ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from sys import exception
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from wsgi_observe._safely import warn_once
from wsgi_observe.context import Scope, bound, note_id, resume
from wsgi_observe.wsgi.exceptions import (
    contained,
    is_close_of_generator,
    is_logged,
    is_lost_client,
    is_raised_by_server,
    is_shutdown,
)
from wsgi_observe.wsgi.file_wrapper import as_bytes

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_CODES = {str(code): code for code in range(100, 1000)}


class Transfer(Scope):
    """The facts of one response, from the call of the app to the end of its body.

    Times are seconds of ``time.perf_counter``, 0.0 for not yet. ``outcome`` is None while it is
    undecided.
    """

    __slots__ = (
        "exposes_id",
        "handled",
        "headers",
        "in_flight",
        "net",
        "outcome",
        "passed",
        "shared",
        "started_at",
        "status",
        "unheld",
        "went_out_at",
    )

    net: Net | None
    """What hangs right over the app."""

    shared: Transfer | None
    """The exchange further out that has the scope of this very request."""

    status: str
    headers: Headers
    passed: int
    """Bytes that the server took from the body."""

    written = 0
    """Bytes that went out by `write`."""

    handled: BaseException | None
    """What was being handled when the app was called, or later when it gave the last chunk."""

    is_native_file = False
    """Whether the server sends the body by its own means, so that we see none of it."""

    outcome: str | None
    started_at: float
    went_out_at: float
    exc_type: str | None = None
    exposes_id: bool
    """Whether scripts of other origins may read the request's ID, where they may the response."""

    may_have_body = False
    """Whether the request may have a body."""

    unheld: bool

    in_flight: Any
    """The request's slot of the flight recorder, for a door that has another path to show; not
    set where there is no recorder."""

    @property
    def scope(self) -> Transfer:
        """The scope of the request: the exchange itself, or the one further out."""
        return self.shared or self

    @property
    def code(self) -> int:
        """The status code that the client was sent; 0 for none."""
        return _CODES.get(self.status[:3], 0) if self.went_out_at else 0

    @property
    def sent(self) -> int:
        """The bytes of the body that the server was given."""
        return self.written + self.passed

    def declared_length(self) -> int | None:
        """Return the bytes that ``Content-Length`` promises, if it is there."""
        for name, value in self.headers:
            if name.lower() == "content-length" and value.isdecimal():
                return int(value)
        return None

    def how_it_was_left(self) -> str:
        """Name the end of a body that was closed before its last chunk was asked for."""
        # Servers close it while they handle what ended it: a lost client mostly.
        error = self.new_exception()
        is_whole = not self.is_native_file and self._is_whole()
        if error is not None:
            if is_lost_client(error):
                return "aborted"
            if not is_whole or is_raised_by_server(error):
                self.break_off(error)
                return "broken"
        if self.unheld and self.code == 101:
            return "upgraded"
        return "complete" if is_whole else "aborted"

    def new_exception(self) -> BaseException | None:
        """Return the exception that is being handled, unless it is older than the last chunk.

        A gateway may call the app while it handles an error of its own, and close the body there.
        """
        error = exception()
        return None if error is self.handled else error

    def _is_whole(self) -> bool:
        """Return whether the server was given all of the body."""
        no_body = self.code in (204, 304) or self.method == "HEAD"
        return no_body or self.sent == self.declared_length()

    @property
    def method(self) -> str:
        """The request's method, as its environ has it now."""
        method: str = self.environ.get("REQUEST_METHOD", "")
        return method

    def break_off(self, error: BaseException) -> BaseException:
        """Note that the app failed when its headers had left; return what to raise for it."""
        if self.outcome == "aborted" and is_logged(error):
            return error
        if is_shutdown(error):
            self.outcome = "aborted"
            return error
        self.outcome = "broken"
        self._note(error)
        if self.net is None:  # the server logs it
            note_id(error, self.scope.request_id)
        return error if self.net is None else contained(error, self.scope)

    def _note(self, error: BaseException) -> None:
        self.exc_type = type(error).__name__
        if self.net is not None:
            self.net.note(self, error)


Headers = list[tuple[str, str]]


class Answer(NamedTuple):
    """A whole response, made here instead of by the app."""

    status: str
    headers: Headers
    body: bytes

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Be a WSGI app that always answers this."""
        start_response(self.status, list(self.headers))
        return iter(self.chunks(environ))  # a body without a length spares the exchange a wrapper

    def chunks(self, environ: WSGIEnvironment) -> list[bytes]:
        """Return the body that this request gets."""
        return [] if environ.get("REQUEST_METHOD") == "HEAD" else [self.body]


class Net(Protocol):
    """What hangs right over the app."""

    def catch(self, transfer: Transfer, error: BaseException) -> Answer | None:
        """Answer for an app that failed before anything was sent; None lets the error rise."""

    def rewrite(self, transfer: Transfer, first: bytes | None) -> Answer | None:
        """Answer instead of the app's error response; None keeps that as it is.

        `first` is the first chunk that is not empty, or None where there is none.
        """

    def note(self, transfer: Transfer, error: BaseException) -> None:
        """Log a failure that came too late to be answered, or that the app has answered."""


END = object()


class WrappedBody(Transfer):
    """What the server iterates and closes in place of the app's body."""

    __slots__ = ("_chunks", "_close_app", "_closed", "_first", "at_end")

    at_end: tuple[Callable[..., None], ...]
    """What the middlewares do with the exchange when it has ended, the innermost first."""

    _first: bytes | None
    _chunks: Iterable[bytes]
    _close_app: Callable[[], object] | None
    _closed: bool
    _kept: tuple[bytes, ...] = ()  # by `write`, where the server has none

    def __iter__(self) -> Iterator[bytes]:
        """Pass the chunks on, each as it comes."""
        scope = self.shared or self
        try:
            first = self._first
            # Counted anew each time: some servers add a sized body up before they send it.
            passed = 0
            if first is not None:
                self.passed = passed = len(first)
                self.handled = exception()
                yield first
            if bound() is not scope:
                self._rebind(scope)
            for chunk in self._chunks:
                if chunk.__class__ is not bytes or self._kept:
                    chunk = self._take_kept() + as_bytes(chunk)
                self.passed = passed = passed + len(chunk)
                self.handled = exception()
                yield chunk
                if bound() is not scope:
                    self._rebind(scope)
            if self._kept:
                last = self._take_kept()
                self.passed += len(last)
                self.handled = exception()
                yield last
        except BaseException as error:
            if is_close_of_generator(error):
                raise
            raise self.break_off(error)
        if self.outcome is None:
            self.outcome = "complete"

    def _rebind(self, scope: Scope) -> None:
        """Bind the request again before the app makes its next chunk.

        The server may pull it from another thread, greenlet or context, or have pulled one of
        another request's in between. A ``log_context`` that the app has left open stays.
        """
        if not self._closed and not scope.is_interrupted_by(bound()):
            resume(scope)

    def close(self) -> None:
        """End the request, once: close the app's body, do what is in ``at_end``, unbind.

        Raises what the app's `close` raises, after everything else is done.
        """
        if self._closed:
            return
        self._closed = True
        close_app = self._close_app
        # A generator app holds our `start_response`: until here that was a cycle.
        self._chunks, self._close_app, self._first = (), None, None
        seen = bound()
        scope = self.shared or self
        if seen is not scope:
            resume(scope)
        if self.outcome is None:
            self.outcome = self.how_it_was_left()
        self.handled = shutdown = None  # a traceback may lead back here
        try:
            if close_app is not None:
                close_app()
        except BaseException as error:
            raise self.break_off(error)
        finally:
            for hook in self.at_end:
                try:
                    hook(self)
                except BaseException as error:
                    shutdown = _warn_unless_shutdown(error, hook) or shutdown
            if self.shared is None:
                self.leave(seen)
            else:
                resume(seen)
            if shutdown is not None:
                raise shutdown

    def adopt(self, body: Iterable[bytes]) -> None:
        """Pass the app's body on from its first chunk, and close it at the end."""
        self._chunks, self._close_app = iter(body), getattr(body, "close", None)
        self._first = None

    def replay(self, rest: Iterable[bytes]) -> None:
        """Have `rest` come after the first chunk, however often the server iterates."""
        self._chunks = rest

    def _check_first(self, first: object, body: object) -> bytes | None:
        """Return the first chunk, None if there is none; raise TypeError for what is not one."""
        if first is END:
            self._chunks = ()  # not every iterator may be asked once more
            return None
        if isinstance(body, bytes):
            self._chunks = ()  # not iterable as chunks (PEP 3333), but uWSGI sends it
            return body
        return as_bytes(first)

    def put_kept_first(self) -> Iterable[bytes]:
        """Let the body begin with what `write` had to keep."""
        if not self._kept:
            return self
        first = () if self._first is None else (self._first,)
        self._chunks, self._first = chain(self._kept, first, self._chunks), None
        self._kept = ()
        return self

    def fail_after_kept(self, error: BaseException) -> Iterable[bytes]:
        """Let out what `write` had to keep, and only then what the app has raised."""
        self._chunks, self._first = chain(self._kept, map(_fail, (error,))), None
        self._kept = ()
        return self

    def _take_kept(self) -> bytes:
        """Return what `write` had to keep since the last chunk."""
        kept, self._kept = self._kept, ()
        return b"".join(kept)


def _warn_unless_shutdown(error: BaseException, hook: Callable[..., None]) -> BaseException | None:
    """Return what is to be raised once all else is done."""
    if is_shutdown(error):
        return error
    warn_once(hook.__qualname__)
    return None


def _fail(error: BaseException) -> bytes:
    raise error
