"""Which request is running: one ContextVar and the scope it holds."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from wsgi_observe.core.ids import is_fit, new_id
from wsgi_observe.core.names import free_name

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

REQUEST_ID_KEY = "wsgi_observe.request_id"
"""Where the app finds its request's ID in the environ."""

_LEFT = "__wsgi_observe_request_id__"

_running: ContextVar[Scope | None] = ContextVar("wsgi_observe.scope", default=None)

ENDED = cast("WSGIEnvironment", MappingProxyType({}))
"""The environ of a scope that has ended: one for all, so nobody may put anything in it."""


class Scope:
    """What is known of one request, or of one background job, while it runs.

    A scope that has ended stays harmless wherever it was left: a thread that copied the
    context, or a server that closes from another one, sees no request.
    """

    # Made for each request: a slot is what each of them sets, all else has its default here.
    __slots__ = ("__dict__", "__weakref__", "environ", "request_id")

    environ: WSGIEnvironment
    request_id: str | None
    fields: dict[str, object] | None = None
    is_probe = False
    remote_addr = "full"  # how much of the client's address its lines show
    client_addr = ""  # as trusted proxies forward it; empty for ``REMOTE_ADDR``
    trace: Mapping[str, str] | None = None  # what its lines tell of a trace (W3C Trace Context)
    user_key = b""  # what its user's pseudonym is made with
    error_logged: object = None  # which ERROR line the log has of it, if any
    unreadable = False  # whether its body was malformed, or broken off by the client
    _outer: weakref.ref[Scope] | None = None

    @property
    def live(self) -> bool:
        """Whether what it stands for is still running."""
        return self.environ is not ENDED

    @property
    def request(self) -> Scope:
        """The request that this runs in: itself, unless it is a ``log_context`` inside one."""
        scope = self
        while not scope.environ and scope._outer is not None:
            outer = scope._outer()
            if outer is None:
                break
            scope = outer
        return scope

    def interrupt(self, outer: Scope) -> None:
        """Remember the scope to put back.

        Weakly: a body that nobody closes (Werkzeug's test client leaves them) must not keep
        every request before it alive.
        """
        self._outer = weakref.ref(outer)

    def is_interrupted_by(self, inner: Scope | None) -> bool:
        """Return whether `inner` is a ``log_context`` that is open inside this request."""
        while inner is not None and inner.live and not inner.environ:
            inner = None if inner._outer is None else inner._outer()
            if inner is self:
                return True
        return False

    def leave(self, seen: Scope | None) -> None:
        """End this scope and put back what stood here before; `seen` was bound on the way in.

        By value, since a token's ``reset`` raises when a server closes the body from another
        context than it called the app in (Waitress does, with a file).
        """
        self.environ = ENDED
        if seen is self:
            seen = None if self._outer is None else self._outer()
        resume(seen if seen is not None and seen.live else None)

    def bind(self, fields: dict[str, object]) -> None:
        """Add fields of the app's; one with a reserved name becomes ``extra_<name>``."""
        self.add({free_name(name): value for name, value in fields.items()})

    def add(self, fields: dict[str, object]) -> None:
        """Add fields of our own, which may have reserved names."""
        if self.fields is None:
            self.fields = {}
        self.fields.update(fields)


bound = _running.get
"""Return the scope that is bound here, be it ended."""

resume = _running.set
"""Bind a scope again, in whatever context the server goes on with it."""


def running() -> Scope | None:
    """Return the scope that is bound here, unless it has ended."""
    scope = bound()
    # As `live` has it, without the call: every log line asks.
    return scope if scope is not None and scope.environ is not ENDED else None


def scope_of(environ: WSGIEnvironment) -> Scope | None:
    """Return the scope that a middleware further out has bound for this very request.

    A middleware in between may have copied the environ, so the ID in it counts too.
    """
    scope = running()
    if scope is None or not scope.environ:
        return None
    if scope.environ is environ:
        return scope
    known = scope.request_id is not None and environ.get(REQUEST_ID_KEY) == scope.request_id
    return scope if known else None


def current_request_id() -> str | None:
    """Return the running request's ID, or None outside a request."""
    scope = running()
    return None if scope is None else scope.request_id


def bind(**fields: object) -> None:
    """Add fields to every later log line of the running request and to its access line.

    A name that the log line has itself (``path``, ``level``, …) is kept as ``extra_<name>``.
    Outside a request this does nothing.
    """
    scope = running()
    if scope is not None:
        scope.bind(fields)


def id_of_failure(error: BaseException) -> str | None:
    """Return the ID of the request or `log_context` that `error` has left, for who reports it."""
    found: str | None = BaseException.__getattribute__(error, "__dict__").get(_LEFT)
    return found


def note_id(error: BaseException, request_id: str | None) -> None:
    """Note the ID of the request or `log_context` that `error` leaves, for who reports it."""
    # Past the exception's own class, which may forbid it.
    BaseException.__setattr__(error, _LEFT, request_id)


@contextmanager
def log_context(request_id: str | None = None, **fields: object) -> Iterator[str]:
    """Give a background job, thread or task an ID of its own, or its caller's.

    Pass ``current_request_id()`` along to keep the caller's; without one, or with one that
    does not fit, a new ID is made. Yields the ID. What is bound inside ends with the block.

    >>> with log_context(job="reindex") as request_id:
    ...     current_request_id() == request_id
    True
    """
    scope = Scope()
    scope.environ = {}
    scope.request_id = request_id if request_id is not None and is_fit(request_id) else new_id()
    scope.bind(fields)
    outer = running()
    if outer is not None:
        scope.interrupt(outer)
        scope.trace, scope.user_key = outer.trace, outer.user_key
    resume(scope)
    try:
        yield scope.request_id
    except BaseException as error:
        if id_of_failure(error) is None:  # the innermost one counts
            note_id(error, scope.request_id)
        raise
    finally:
        scope.leave(bound())
