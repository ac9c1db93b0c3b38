"""Run work in other threads, greenlets, tasks and processes under the ID of the request."""

from __future__ import annotations

import inspect
import json
import sys
import weakref
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from functools import update_wrapper, wraps
from typing import Any, ParamSpec, TypeVar, cast

from wsgi_observe._loggers import get_logger
from wsgi_observe._safely import call_safely
from wsgi_observe.context import (
    RequestContext,
    current_context,
    entered,
    get_no_context,
    request_hooks,
)
from wsgi_observe.wsgi.exceptions import any_failure

__all__ = ["RequestContextExecutor", "copy_request_context"]

P = ParamSpec("P")
T = TypeVar("T")

_log = get_logger("wsgi_observe.uncaught")


def copy_request_context(fn: Callable[P, T]) -> Callable[P, T]:
    """Return a function that calls `fn` under the present request's ID, wherever it is called.

    Its log lines have the request's ID, its trace, and the fields that are bound now, ``user``
    among them, but no ``method`` and ``path``: the thread may outlive the request, whose environ
    belongs to the server. What `fn` binds is on its own lines only. Outside a request and a
    `log_context` this is `fn` itself.

    A coroutine function gives a coroutine function. The function can be pickled for another
    process if `fn` can; then fields that JSON cannot represent are left out, and so is the setting
    ``user_key``.

    >>> Thread(target=copy_request_context(send_mail), args=(order,)).start()  # doctest: +SKIP
    """
    context = current_context()
    if context is None:
        return fn
    copy = _ContextCopy(context)
    if not inspect.iscoroutinefunction(fn):
        return cast("Callable[P, T]", _WithContext(copy, fn))

    @wraps(fn)
    async def call(*args: P.args, **kwargs: P.kwargs) -> Any:
        with copy.entered():
            return await fn(*args, **kwargs)

    return cast("Callable[P, T]", call)


class RequestContextExecutor(ThreadPoolExecutor):
    """A thread pool whose jobs run under the ID of the request that submits them.

    ``submit`` and ``map`` work as `copy_request_context` does. The exception of a job is raised
    where its result is asked for, as in any pool; if that never happens, it is one ERROR line
    under the request's ID.

    >>> executor = RequestContextExecutor(max_workers=4)
    >>> executor.submit(pow, 2, 3).result()
    8
    """

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Schedule `fn` to be called under the present request's ID."""
        call = copy_request_context(fn)
        future = super().submit(call, *args, **kwargs)
        future.__class__ = _ReportingFuture
        if isinstance(call, _WithContext):
            cast("_ReportingFuture", future).context = call.context
        return future


class _ReportingFuture(Future[Any]):
    """Logs the exception of its job when it is deleted, if its result was not asked for."""

    context: _ContextCopy | None = None
    _is_retrieved = False

    def result(self, timeout: float | None = None) -> Any:
        try:
            return super().result(timeout)
        finally:
            self._is_retrieved = self.done()

    def exception(self, timeout: float | None = None) -> BaseException | None:
        try:
            return super().exception(timeout)
        finally:
            self._is_retrieved = self.done()

    def __del__(self) -> None:
        error = None if self._is_retrieved or not self.done() else self._get_exception()
        if error is not None:
            call_safely("reporting the exception of a job", self._report, error)

    def _report(self, error: BaseException) -> None:
        with self.context.entered() if self.context else nullcontext():
            _log_uncaught("in a job of a pool", error)

    def _get_exception(self) -> BaseException | None:
        return None if self.cancelled() else super().exception(0)


class _WithContext:
    """A function, and the context in which it is called."""

    def __init__(self, context: _ContextCopy, fn: Callable[..., Any]) -> None:
        update_wrapper(self, fn)
        self.context, self._fn = context, fn

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with self.context.entered():
            try:
                return self._fn(*args, **kwargs)
            except Exception as error:
                if not self._is_process_target():
                    raise
                # `multiprocessing` would print the traceback to stderr, and exit with this code.
                _log_uncaught("in a process", error)
                raise SystemExit(1) from None

    def _is_process_target(self) -> bool:
        """Return whether this is what a `multiprocessing.Process` runs, and no job of a pool."""
        if "multiprocessing" not in sys.modules:
            return False
        process = sys.modules["multiprocessing"].current_process()
        return getattr(process, "_target", None) is self


class _ContextCopy:
    """What a thread, task or process takes over from a request, as it is now."""

    def __init__(self, context: RequestContext) -> None:
        for hook in request_hooks:  # a tracer may have begun a trace since the last line
            hook(context)
        self._request_id = context.request_id
        self._trace, self._tracestate = context.trace, context.tracestate
        self._has_tracer_span = context.has_tracer_span
        self._user_key = context.user_key
        self._fields = dict(context.fields)
        self._origin: Callable[[], RequestContext | None] = weakref.ref(context)

    def __getstate__(self) -> dict[str, Any]:
        # No key leaves the process.
        return {
            "_request_id": self._request_id,
            "_trace": None if self._trace is None else dict(self._trace),
            "_tracestate": self._tracestate,
            "_has_tracer_span": self._has_tracer_span,
            "_fields": dict(_iter_plain(self._fields)),
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _user_key=b"", _origin=get_no_context)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Bind a context of its own with what was copied."""
        context = RequestContext({}, self._request_id)
        context.trace, context.tracestate = self._trace, self._tracestate
        context.has_tracer_span, context.user_key = self._has_tracer_span, self._user_key
        context.add_fields(self._fields)
        parent = current_context()
        if parent is None:
            parent = self._origin()
            context.is_detached = True
        if parent is not None and parent.is_active:
            context.nest_in(parent)
        with entered(context):
            yield


def _iter_plain(fields: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Yield the fields that any process can unpickle, for which their classes may be missing."""
    for name, value in fields.items():
        try:
            yield name, json.loads(json.dumps(value))
        except any_failure():
            continue


def _log_uncaught(where: str, error: BaseException) -> None:
    info = (type(error), error, error.__traceback__)
    _log.error("uncaught %s %s", type(error).__name__, where, exc_info=info)
