"""Classify exceptions: shutdowns, client disconnects, unreadable bodies, ones already logged."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import pairwise
from traceback import walk_stack, walk_tb
from types import FrameType

from wsgi_observe.context import RequestContext, current_context

_LOGGED_ATTRIBUTE = "__wsgi_observe_logged__"
_UNREADABLE_ATTRIBUTE = "__wsgi_observe_unreadable__"
_MAX_CAUSES = 8
_VARARGS = 0x04  # `inspect.CO_VARARGS`; the module is as much to load as all of this package

# Gunicorn's own handlers set a flag by which a worker ends: a response does not keep it from
# ending. A sync worker ends in no other way: it responds to every exception, a SystemExit too.
_BY_FLAG, _BY_NOTHING_ELSE = "gunicorn.workers.", "gunicorn.workers.sync"

# Raised by frameworks for a body that is shorter than its Content-Length, and by Gunicorn when it
# discards a malformed one that the app has not read.
_UNREADABLE_KINDS = frozenset(
    {
        ("webob.request", "DisconnectionError"),
        ("gunicorn.http.errors", "InvalidChunkSize"),
        ("gunicorn.http.errors", "ChunkMissingTerminator"),
    }
)

# The modules in which servers send a response.
_SERVER_MODULES = (
    *("gunicorn.", "waitress.", "cheroot.", "granian.", "gevent.pywsgi", "eventlet.wsgi"),
    *("werkzeug.serving", "wsgiref.", "tornado."),
)


class RequestFailedError(Exception):
    """Stands in for an exception that would have ended the worker with the request."""


def is_shutdown(error: BaseException) -> bool:
    """Return whether `error` ends the process or greenlet, rather than only its request.

    It does where it comes from outside of the code that it interrupts:

    - a ``KeyboardInterrupt`` or ``GreenletExit`` that no ``raise`` statement has raised: Python's
      handler of SIGINT and ``greenlet.throw`` are written in C;
    - a ``KeyboardInterrupt`` or ``SystemExit`` that a handler of a signal has raised, or that was
      raised in handling one of those.

    Everything else that is raised is a failure of its request: ``sys.exit()`` in a view,
    ``gevent.Timeout``, ``asyncio.CancelledError``, and any ``GeneratorExit``, which outside of the
    generator that is closed ends nothing.
    """
    # Not by `isinstance`, here and below: it may run the app's code, a ``__class__`` that raises.
    if issubclass(type(error), (KeyboardInterrupt, SystemExit)):
        needs_response = _has_come_through(error, _BY_FLAG) or _is_under(_BY_NOTHING_ELSE)
        return _is_from_signal(error) and not needs_response
    # By name: greenlet is not ours to import.
    is_kill = any(kind.__name__ == "GreenletExit" for kind in type(error).__mro__)
    return is_kill and _is_thrown_in(error)


def any_failure() -> type[BaseException] | tuple[()]:
    """Return the exceptions to catch around code of the app's that must not fail: not a shutdown.

    For ``except any_failure():`` alone, which calls it while the exception is being handled. A
    ``__str__`` that raises ``SystemExit`` would otherwise end the code that logs the object.
    """
    error = sys.exception()
    return () if error is None or is_shutdown(error) else BaseException


def _is_from_signal(error: BaseException | None) -> bool:
    for _ in range(_MAX_CAUSES):
        if error is None or not issubclass(type(error), (KeyboardInterrupt, SystemExit)):
            return False
        if _has_left_handler(error):
            return True
        if issubclass(type(error), KeyboardInterrupt) and _is_thrown_in(error):
            return True
        error = error.__context__  # a ``sys.exit()`` in ``except KeyboardInterrupt``
    return False


def _has_left_handler(error: BaseException) -> bool:
    """Return whether an exception came through the handler of a signal, if not through C's.

    That is the one kind of function that is given its own caller's frame, as an argument.
    """
    frames = (frame for frame, _ in walk_tb(error.__traceback__))
    return any(
        value is interrupted
        for interrupted, frame in pairwise(frames)
        for value in _arguments(frame)
    )


def _arguments(frame: FrameType) -> Iterator[object]:
    code, values = frame.f_code, frame.f_locals
    count = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & _VARARGS)
    for name in code.co_varnames[:count]:
        value = values.get(name)
        yield value
        if type(value) is tuple:  # Werkzeug's ``lambda *args: sys.exit(0)``
            yield from value


def _is_thrown_in(error: BaseException) -> bool:
    """Return whether `error` was raised in the midst of code, not by a ``raise`` statement."""
    trace = error.__traceback__
    if trace is None:
        return False
    while trace.tb_next is not None:
        trace = trace.tb_next
    from opcode import opmap  # where it is needed

    frame, at = trace.tb_frame, trace.tb_lasti
    # It raises, by a statement, the SIGINT that came while a loop ran.
    if frame.f_globals.get("__name__") == "asyncio.runners":
        return True
    return frame.f_code.co_code[at : at + 1] != bytes([opmap["RAISE_VARARGS"]])


def _is_under(module: str) -> bool:
    """Return whether a function of `module` is among the callers."""
    frames = walk_stack(sys._getframe(1))
    return any(frame.f_globals.get("__name__") == module for frame, _ in frames)


def is_close_of_generator(error: BaseException) -> bool:
    """Return whether the generator that handles `error` is closed, at a ``yield`` of its own."""
    trace = error.__traceback__
    return issubclass(type(error), GeneratorExit) and (trace is None or trace.tb_next is None)


def is_client_disconnect(error: BaseException) -> bool:
    """Return whether a server failed to send because its client disconnected, or it is stopping."""
    # A GeneratorExit is of a generator further out that is closed, if it is not the app's.
    is_disconnect = issubclass(type(error), (OSError, GeneratorExit))
    # By name: Waitress is not ours to import.
    return is_disconnect or type(error).__name__ == "ClientDisconnected" or is_shutdown(error)


def mark_unreadable(error: BaseException) -> None:
    """Mark `error` as raised by the server for a request body that it could not read."""
    BaseException.__setattr__(error, _UNREADABLE_ATTRIBUTE, True)


def is_unreadable_body(error: BaseException) -> bool:
    """Return whether `error` is about a request body that is malformed or cut short.

    Gunicorn and gevent respond with a 400 of their own and log nothing: any client can cause it.
    """
    cause: BaseException | None = error
    for _ in range(_MAX_CAUSES):
        if cause is None:
            return False
        if _UNREADABLE_ATTRIBUTE in BaseException.__getattribute__(cause, "__dict__"):
            return True
        if not issubclass(type(cause), OSError):
            return False  # what an app raises because of it is the app's own failure
        kind = type(cause)
        if (kind.__module__, kind.__name__) in _UNREADABLE_KINDS:
            return True
        cause = cause.__cause__  # Django raises an OSError of its own from it
    return False


def is_raised_by_server(error: BaseException) -> bool:
    """Return whether `error` passed through code of a server that sends a response."""
    return _has_come_through(error, _SERVER_MODULES)


def _has_come_through(error: BaseException, modules: str | tuple[str, ...]) -> bool:
    """Return whether the traceback of `error` has a frame of a module whose name begins so."""
    names = (frame.f_globals.get("__name__") for frame, _ in walk_tb(error.__traceback__))
    return any(str(name).startswith(modules) for name in names)


def as_exception(error: BaseException, context: RequestContext) -> BaseException:
    """Return a logged `error`, or a stand-in if it is no Exception, to raise to the server.

    A ``SystemExit`` that reaches a gthread worker ends it, and with some codes its master.
    """
    if issubclass(type(error), Exception) or is_shutdown(error):
        return error
    stand_in = RequestFailedError(f"the app raised {type(error).__name__}")
    stand_in.__cause__ = error
    mark_logged(stand_in, context)
    return stand_in


def mark_logged(error: BaseException, context: RequestContext, record_key: object = None) -> None:
    """Mark `error` as logged with its traceback, in the request of `context`.

    :param record_key: identifies the record that it was logged with, if by other code.
    """
    # Past the exception's own class, which may forbid it, as a frozen dataclass does.
    BaseException.__setattr__(error, _LOGGED_ATTRIBUTE, (context, record_key))


def get_logged_mark(error: BaseException) -> tuple[RequestContext | None, object]:
    """Return the context and the record key of the mark on `error`; None and None without one."""
    attributes = BaseException.__getattribute__(error, "__dict__")
    mark: tuple[RequestContext | None, object] = attributes.get(_LOGGED_ATTRIBUTE, (None, None))
    return mark


def is_logged(error: BaseException) -> bool:
    """Return whether the traceback of `error` is logged already, for this request.

    The server reports after the request has ended, so a mark counts while its request runs and
    when none does; an exception object that is raised again in a later request is logged again.
    """
    context, _ = get_logged_mark(error)
    return context is not None and current_context() in (context, None)
