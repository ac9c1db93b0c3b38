"""How a response went: what there is to tell of it when it has ended."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from wsgi_observe.core.context import Scope
from wsgi_observe.core.net import Headers

if TYPE_CHECKING:
    pass


class Transfer(Scope):
    """The facts of one response, from the call of the app to the end of its body.

    Times are seconds of ``time.perf_counter``, 0.0 for not yet. ``outcome`` is None while it is
    undecided.
    """

    __slots__ = ("headers", "outcome", "sent", "started_at", "status", "went_out_at")

    status: str
    headers: Headers
    sent: int
    outcome: str | None
    started_at: float
    went_out_at: float
    exc_type: str | None = None
    unheld = False

    @property
    def code(self) -> int:
        """The status code that the client was sent; 0 for none."""
        code = self.status[:3]
        return int(code) if self.went_out_at and code.isdecimal() else 0

    def declared_length(self) -> int | None:
        """Return the bytes that ``Content-Length`` promises, if it is there."""
        for name, value in self.headers:
            if name.lower() == "content-length" and value.isdecimal():
                return int(value)
        return None

    def how_it_was_left(self) -> str:
        """Name the end of a body that was closed before its last chunk was asked for."""
        if sys.exc_info()[1] is not None:  # servers close it while they handle a lost client
            return "aborted"
        if self.unheld and self.code == 101:
            return "upgraded"
        no_body = self.code in (204, 304) or self.method == "HEAD"
        return "complete" if no_body or self.sent == self.declared_length() else "aborted"

    @property
    def method(self) -> str:
        """The request's method, as its environ has it now."""
        method: str = self.environ.get("REQUEST_METHOD", "")
        return method
