"""How a response went: what there is to tell of it when it has ended."""

from __future__ import annotations

from sys import exception
from typing import Any

from wsgi_observe.core.context import Scope, note_id
from wsgi_observe.core.failures import (
    contained,
    is_logged,
    is_lost_client,
    is_raised_by_server,
    is_shutdown,
)
from wsgi_observe.core.net import Headers, Net

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
