"""Log uncaught exceptions and warnings: ``sys.excepthook`` and the like."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from types import TracebackType
from typing import Any

from wsgi_observe._loggers import get_logger
from wsgi_observe.context import current_context, current_request_id, get_attached_request_id
from wsgi_observe.logs.log_record import make_own_extra
from wsgi_observe.wsgi.exceptions import any_failure, is_client_disconnect

_log = get_logger("wsgi_observe.uncaught")
_warnings = get_logger("py.warnings")


class LoggingHook:
    """A hook that logs an event, then calls the previous hook.

    Python's own, which prints the event, is called only if it could not be logged.

    :param log_event: logs it, and returns whether it did.
    """

    def __init__(self, log_event: Callable[..., bool], previous: Any, default: Any) -> None:
        self._log_event = log_event
        self.previous = previous
        # That of `logging.captureWarnings` would log the same once more.
        is_of_logging = getattr(previous, "__module__", "") == "logging"
        self._is_duplicate = previous is default or is_of_logging

    def __call__(self, *arguments: Any, **keywords: Any) -> None:
        """Log the event, and call the previous hook."""
        try:
            is_logged = self._log_event(*arguments, **keywords)
        except any_failure():
            is_logged = False
        if not is_logged or not self._is_duplicate:
            self.previous(*arguments, **keywords)


def capture_uncaught(is_enabled: bool) -> None:
    """Install our hooks before the present ones, or remove ours."""
    of_warnings = getattr(warnings, "_showwarning_orig", None)
    hooks: tuple[tuple[Any, str, Callable[..., bool], Any], ...] = (
        (sys, "excepthook", _log_exception, sys.__excepthook__),
        (threading, "excepthook", _log_thread_exception, threading.__excepthook__),
        (sys, "unraisablehook", _log_unraisable, sys.__unraisablehook__),
        (warnings, "showwarning", _log_warning, of_warnings),
    )
    for module, name, log_event, default in hooks:
        current = getattr(module, name)
        is_ours = isinstance(current, LoggingHook)
        if is_enabled and not is_ours:
            setattr(module, name, LoggingHook(log_event, current, default))
        elif is_ours and not is_enabled:
            setattr(module, name, current.previous)
    track_thread_starts(is_enabled)


def _log_exception(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> bool:
    if error is None or not isinstance(error, (Exception, BaseExceptionGroup)):
        return False  # such as Ctrl-C
    if trace is None and is_client_disconnect(error) and current_context() is not None:
        return True  # uWSGI could not send on; the access line says `aborted`
    _log.critical(
        "uncaught %s",
        kind.__name__,
        exc_info=(kind, error, trace),
        extra=make_request_id_extra(error),
    )
    return True


def _log_thread_exception(args: threading.ExceptHookArgs) -> bool:
    if args.exc_value is None or isinstance(args.exc_value, SystemExit):
        return isinstance(args.exc_value, SystemExit)
    name = args.thread.name if args.thread is not None else "?"
    info = (args.exc_type, args.exc_value, args.exc_traceback)
    extra = {**make_request_id_extra(args.exc_value, args.thread), "thread_name": name}
    _log.error("uncaught %s in a thread", args.exc_type.__name__, exc_info=info, extra=extra)
    return True


def _log_unraisable(args: Any) -> bool:
    kind, error = args.exc_type, args.exc_value
    info = (kind, error if error is not None else kind(), args.exc_traceback)
    # The object may be half deleted: only its type is safe to use.
    object_type = type(args.object).__qualname__ if args.object is not None else "nothing"
    what = args.err_msg or "Exception ignored in"
    _log.error("%s: %s of %s", what, kind.__name__, object_type, exc_info=info)
    return True


def _log_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: Any = None,
    line: str | None = None,
) -> bool:
    if file is not None:
        return False
    where = {"at": f"{filename}:{lineno}"}
    _warnings.warning("%s: %s", category.__name__, message, extra=where)
    return True


def make_request_id_extra(
    error: BaseException, thread: threading.Thread | None = None
) -> dict[str, object]:
    """Return ``extra=`` with the ID of the job that has failed, or that started its thread."""
    request_id = get_attached_request_id(error) or getattr(thread, _REQUEST_ID_ATTRIBUTE, None)
    return {} if request_id is None else make_own_extra({"request_id": request_id})


_REQUEST_ID_ATTRIBUTE = "_wsgi_observe_request_id"
_MARK = "_wsgi_observe_ours"


def track_thread_starts(is_enabled: bool) -> None:
    """Record on each thread the ID of the request that starts it, from now on; or stop.

    A thread does not inherit the context (before Python 3.14, and then by an option), and gets
    none here: a pool's thread serves other requests too, whose lines would have the first one's ID.
    """
    start = threading.Thread.start
    is_ours = getattr(start, _MARK, None) is start  # `wraps` copies our mark to a wrapper of ours
    if is_enabled and not is_ours:
        threading.Thread.start = _wrap_thread_start(start)  # type: ignore[method-assign]
    elif is_ours and not is_enabled:
        threading.Thread.start = start.__wrapped__  # type: ignore[attr-defined, method-assign]


def _wrap_thread_start(start: Callable[..., None]) -> Callable[..., None]:
    @wraps(start)
    def start_tracked(thread: threading.Thread, *arguments: Any, **keywords: Any) -> None:
        with suppress(Exception):  # its class may forbid it
            setattr(thread, _REQUEST_ID_ATTRIBUTE, current_request_id())
        start(thread, *arguments, **keywords)

    setattr(start_tracked, _MARK, start_tracked)
    return start_tracked
