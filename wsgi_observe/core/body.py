"""The one wrapped body of a request: its chunks as they come, and its one end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from sys import exception

from wsgi_observe.core.context import Scope, bound, resume
from wsgi_observe.core.failures import is_close_of_generator, is_shutdown
from wsgi_observe.core.fast_paths import as_bytes
from wsgi_observe.core.once import warn_once
from wsgi_observe.core.transfer import Transfer

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
