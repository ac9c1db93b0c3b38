"""The context of the running request: its data, and the ContextVar that holds it."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, cast
from wsgiref.types import StartResponse, WSGIEnvironment

from wsgi_observe.field_names import RESERVED_NAMES, free_name
from wsgi_observe.ids import is_valid_id, new_id

REQUEST_ID_KEY = "wsgi_observe.request_id"
"""The environ key of the request ID."""

_REQUEST_ID_ATTRIBUTE = "__wsgi_observe_request_id__"

_current: ContextVar[RequestContext | None] = ContextVar("wsgi_observe.context", default=None)

ENDED_ENVIRON = cast("WSGIEnvironment", MappingProxyType({}))
"""The environ of every context that has ended; read-only, since they share it."""


def get_no_context() -> RequestContext | None:
    """Return None, as a weak reference to a context that is gone does."""
    return None


class RequestContext:
    """The data of one request, or of one `log_context`, while it runs.

    One that has ended has `ENDED_ENVIRON` and is ignored wherever it is still bound: in a thread
    that copied the context, or where a server closes the body from another one.

    :ivar environ: of the request; empty for a `log_context`.
    :ivar fields: on each of its log lines, besides those that its environ gives.
    :ivar log_parts: `fields` as the formatters have encoded them.
    :ivar start_response: the server's.
    :ivar on_close: hooks that are called, with the exchange, before those of the middlewares.
    :ivar started_at: in seconds of ``time.perf_counter``; 0.0 where no access line is written.
    """

    # Made for each request: a slot for what each of them sets, a default for the rest.
    __slots__ = (
        *("__dict__", "__weakref__", "client_addr", "environ", "exc_type", "expose_request_id"),
        *("fields", "is_probe", "log_parts", "on_close", "request_id", "start_response"),
        *("started_at", "trace"),
    )

    exc_type: str | None
    fields: dict[str, object]
    log_parts: dict[object, Any] | None
    on_close: tuple[Callable[[Any], object], ...]
    trace: Mapping[str, str] | None

    remote_addr_mode = "full"  # how much of the client's address is logged
    user_key = b""  # of the pseudonyms that `bind_user` makes
    error_logged: object = None  # true if it has an ERROR line; the key of that record
    handled_error: tuple[BaseException, str] | None = None  # by a framework, and its logger
    error_document: bytes | None = None  # the error document that an integration has sent
    is_body_unreadable = False  # whether its body was malformed, or broken off by the client
    may_have_body = False
    is_detached = False  # whether it runs in another thread than the context that it is nested in
    totals: dict[str, float] | None = None  # numbers that `count` and `timed` add up
    debug_buffer: Any = None  # its records below the level, for ``debug_on_error``
    is_remembered = False  # by ``debug_on_error``, under its ID
    request_entry: Any = None  # its entry of the scoreboard
    tracestate = ""  # of its trace, as it is passed on
    has_tracer_span = False  # whether `trace` is the span of a tracer, which wins over ours
    route: str | None = None  # the route template, where a framework has reported it for metrics
    _parent: Callable[[], RequestContext | None] = staticmethod(get_no_context)

    def __init__(
        self,
        environ: WSGIEnvironment,
        request_id: str | None = None,
        start_response: StartResponse | None = None,
    ) -> None:
        self.environ = environ
        self.request_id = request_id
        self.start_response = start_response
        self.fields = {}
        self.exc_type = self.log_parts = self.trace = None
        self.on_close = ()
        self.started_at = 0.0
        self.client_addr = ""
        self.is_probe = False
        self.expose_request_id = True

    @property
    def is_active(self) -> bool:
        """Whether the request or the `log_context` is still running."""
        return self.environ is not ENDED_ENVIRON

    @property
    def request_context(self) -> RequestContext:
        """The request that this runs in: itself, unless it is a `log_context` inside one."""
        context = self
        while not context.environ and (parent := context._parent()) is not None:
            if not parent.is_active:  # a thread may outlive its request
                break
            context = parent
        return context

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions carry the context that has logged them, and Celery and process pools pickle
        # those that a job raises.
        return _make_ended, (self.request_id,)

    def serves(self, environ: WSGIEnvironment) -> bool:
        """Return whether this is of the same request, which a middleware further out has begun.

        A middleware in between may have copied the environ, so the ID in it counts too.
        """
        if not self.environ:
            return False
        has_same_id = self.request_id and self.request_id == environ.get(REQUEST_ID_KEY)
        return self.environ is environ or bool(has_same_id)

    def nest_in(self, parent: RequestContext) -> None:
        """Remember the context to bind again at the end.

        Weakly: a body that is never closed (Werkzeug's test client leaves them) must not keep
        every request before it alive.
        """
        self._parent = weakref.ref(parent)

    def is_ancestor_of(self, other: RequestContext | None) -> bool:
        """Return whether `other` is a `log_context` that is open inside this request."""
        while other is not None and other.is_active and not other.environ:
            other = other._parent()
            if other is self:
                return True
        return False

    def end(self, previous: RequestContext | None) -> None:
        """End this context and bind `previous` again, unless that has ended.

        By value, since a token's ``reset`` raises when a server closes the body from another
        context than it called the app in (Waitress does, with a file).
        """
        self.environ = ENDED_ENVIRON
        if self.debug_buffer is not None:
            self.debug_buffer.clear()
        if previous is self:
            previous = None if self.is_detached else self._parent()
        activate(previous if previous is not None and previous.is_active else None)

    def bind(self, fields: dict[str, object]) -> None:
        """Add fields of the app's; one with a reserved name becomes ``extra_<name>``."""
        if not RESERVED_NAMES.isdisjoint(fields):
            fields = {free_name(name): value for name, value in fields.items()}
        self.add_fields(fields)

    def add_fields(self, fields: dict[str, object], *, first: bool = False) -> None:
        """Add fields of our own, which may have reserved names.

        :param first: whether they come before the others, whose values stay.
        """
        if first:
            self.fields = {**fields, **self.fields}
        else:
            self.fields.update(fields)
        self.log_parts = None


def _make_ended(request_id: str | None) -> RequestContext:
    return RequestContext(ENDED_ENVIRON, request_id)


get_raw_context = _current.get
"""Return the context that is bound here, even if it has ended."""

activate = _current.set
"""Bind a context, or None, for the code that runs from here on in this thread or task."""


def current_context() -> RequestContext | None:
    """Return the context that is bound here; None if it has ended."""
    context = get_raw_context()
    # As `is_active` has it, without the call: this runs for every log line.
    return context if context is not None and context.environ is not ENDED_ENVIRON else None


def current_request_id() -> str | None:
    """Return the running request's ID, or None outside a request."""
    context = current_context()
    return None if context is None else context.request_id


def bind(**fields: object) -> None:
    """Add fields to every later log line of the running request and to its access line.

    A name that log lines have already (``path``, ``level``, …) becomes ``extra_<name>``.
    Outside a request this does nothing.
    """
    context = current_context()
    if context is not None:
        context.bind(fields)


def get_attached_request_id(error: BaseException) -> str | None:
    """Return the ID of the request or `log_context` in which `error` was raised, if attached."""
    request_id: str | None = BaseException.__getattribute__(error, "__dict__").get(
        _REQUEST_ID_ATTRIBUTE
    )
    return request_id


def attach_request_id(error: BaseException, request_id: str | None) -> None:
    """Attach the ID of the request or `log_context` in which `error` was raised, for its report."""
    # Past the exception's own class, which may forbid it.
    BaseException.__setattr__(error, _REQUEST_ID_ATTRIBUTE, request_id)


@contextmanager
def log_context(request_id: str | None = None, **fields: object) -> Iterator[str]:
    """Give a background job, thread or task an ID of its own, or its caller's.

    Pass ``current_request_id()`` along to keep the caller's; without one, or with an invalid one,
    a new ID is made. Yields the ID. Fields that are bound inside end with the block.

    >>> with log_context(job="reindex") as request_id:
    ...     current_request_id() == request_id
    True
    """
    is_valid = request_id is not None and is_valid_id(request_id)
    context = RequestContext({}, request_id if is_valid else new_id())
    context.bind(fields)
    parent = current_context()
    if parent is not None:
        context.nest_in(parent)
        context.trace, context.user_key = parent.trace, parent.user_key
        context.tracestate, context.has_tracer_span = parent.tracestate, parent.has_tracer_span
    with entered(context):
        yield context.request_id or ""


@contextmanager
def entered(context: RequestContext) -> Iterator[None]:
    """Bind `context` for a block, and attach its ID to an exception that leaves it."""
    activate(context)
    try:
        yield
    except BaseException as error:
        if get_attached_request_id(error) is None:  # the innermost one counts
            attach_request_id(error, context.request_id)
        raise
    finally:
        context.end(get_raw_context())


probe_hooks: list[Callable[[], object]] = []
"""Called before the response to a probe: a tracer may have begun a transaction for it."""

request_hooks: list[Callable[[RequestContext], object]] = []
"""Called when a request begins, when it starts its response, and for log lines in between for as
long as its context has no span of a tracer."""
