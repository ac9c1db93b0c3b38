"""Which request is running: one ContextVar and the scope it holds."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from wsgi_observe.field_names import free_name
from wsgi_observe.ids import is_valid_id, new_id

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

REQUEST_ID_KEY = "wsgi_observe.request_id"
"""Where the app finds its request's ID in the environ."""

_REQUEST_ID_ATTRIBUTE = "__wsgi_observe_request_id__"

_current: ContextVar[RequestContext | None] = ContextVar("wsgi_observe.scope", default=None)

ENDED_ENVIRON = cast("WSGIEnvironment", MappingProxyType({}))
"""The environ of a scope that has ended: one for all, so nobody may put anything in it."""


class RequestContext:
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
    log_parts: dict[object, Any] | None = None  # what formatters have made of its fields
    error_document: bytes | None = None  # what an integration of ours has answered an error with
    is_body_unreadable = False  # whether its body was malformed, or broken off by the client
    _parent: weakref.ref[RequestContext] | None = None

    @property
    def is_active(self) -> bool:
        """Whether what it stands for is still running."""
        return self.environ is not ENDED_ENVIRON

    @property
    def request_context(self) -> RequestContext:
        """The request that this runs in: itself, unless it is a ``log_context`` inside one."""
        context = self
        while not context.environ and context._parent is not None:
            parent = context._parent()
            if parent is None:
                break
            context = parent
        return context

    def nest_in(self, parent: RequestContext) -> None:
        """Remember the scope to put back.

        Weakly: a body that nobody closes (Werkzeug's test client leaves them) must not keep
        every request before it alive.
        """
        self._parent = weakref.ref(parent)

    def is_ancestor_of(self, other: RequestContext | None) -> bool:
        """Return whether `other` is a ``log_context`` that is open inside this request."""
        while other is not None and other.is_active and not other.environ:
            other = None if other._parent is None else other._parent()
            if other is self:
                return True
        return False

    def end(self, previous: RequestContext | None) -> None:
        """End this scope and put back what stood here before; `previous` was bound on the way in.

        By value, since a token's ``reset`` raises when a server closes the body from another
        context than it called the app in (Waitress does, with a file).
        """
        self.environ = ENDED_ENVIRON
        if previous is self:
            previous = None if self._parent is None else self._parent()
        activate(previous if previous is not None and previous.is_active else None)

    def bind(self, fields: dict[str, object]) -> None:
        """Add fields of the app's; one with a reserved name becomes ``extra_<name>``."""
        self.add_fields({free_name(name): value for name, value in fields.items()})

    def add_fields(self, fields: dict[str, object], *, first: bool = False) -> None:
        """Add fields of our own, which may have reserved names.

        :param first: whether they come before what is there, which keeps its values.
        """
        if self.fields is None:
            self.fields = fields
        elif first:
            self.fields = {**fields, **self.fields}
        else:
            self.fields.update(fields)
        self.log_parts = None


get_raw_context = _current.get
"""Return the scope that is bound here, be it ended."""

activate = _current.set
"""Bind a scope again, in whatever context the server goes on with it."""


def current_context() -> RequestContext | None:
    """Return the scope that is bound here, unless it has ended."""
    context = get_raw_context()
    # As `is_active` has it, without the call: every log line asks.
    return context if context is not None and context.environ is not ENDED_ENVIRON else None


def find_outer_context(environ: WSGIEnvironment) -> RequestContext | None:
    """Return the scope that a middleware further out has bound for this very request.

    A middleware in between may have copied the environ, so the ID in it counts too.
    """
    context = current_context()
    if context is None or not context.environ:
        return None
    if context.environ is environ:
        return context
    is_same_request = (
        context.request_id is not None and environ.get(REQUEST_ID_KEY) == context.request_id
    )
    return context if is_same_request else None


def current_request_id() -> str | None:
    """Return the running request's ID, or None outside a request."""
    context = current_context()
    return None if context is None else context.request_id


def bind(**fields: object) -> None:
    """Add fields to every later log line of the running request and to its access line.

    A name that the log line has itself (``path``, ``level``, …) is kept as ``extra_<name>``.
    Outside a request this does nothing.
    """
    context = current_context()
    if context is not None:
        context.bind(fields)


def get_attached_request_id(error: BaseException) -> str | None:
    """Return the ID of the request or `log_context` that `error` has left, for who reports it."""
    request_id: str | None = BaseException.__getattribute__(error, "__dict__").get(
        _REQUEST_ID_ATTRIBUTE
    )
    return request_id


def attach_request_id(error: BaseException, request_id: str | None) -> None:
    """Note the ID of the request or `log_context` that `error` leaves, for who reports it."""
    # Past the exception's own class, which may forbid it.
    BaseException.__setattr__(error, _REQUEST_ID_ATTRIBUTE, request_id)


@contextmanager
def log_context(request_id: str | None = None, **fields: object) -> Iterator[str]:
    """Give a background job, thread or task an ID of its own, or its caller's.

    Pass ``current_request_id()`` along to keep the caller's; without one, or with one that
    does not fit, a new ID is made. Yields the ID. What is bound inside ends with the block.

    >>> with log_context(job="reindex") as request_id:
    ...     current_request_id() == request_id
    True
    """
    context = RequestContext()
    context.environ = {}
    context.request_id = (
        request_id if request_id is not None and is_valid_id(request_id) else new_id()
    )
    context.bind(fields)
    parent = current_context()
    if parent is not None:
        context.nest_in(parent)
        context.trace, context.user_key = parent.trace, parent.user_key
    activate(context)
    try:
        yield context.request_id
    except BaseException as error:
        if get_attached_request_id(error) is None:  # the innermost one counts
            attach_request_id(error, context.request_id)
        raise
    finally:
        context.end(get_raw_context())


probe_hooks: list[Callable[[], object]] = []
"""Called before a probe is answered: somebody may have begun to trace it."""

request_hooks: list[Callable[[RequestContext], object]] = []
"""Called when a request begins, when it starts its response, and for lines in between for as
long as its scope has no trace."""


def call_request_hooks(context: RequestContext) -> None:
    """Have those who listen hear of a request."""
    for hook in request_hooks:
        hook(context)
