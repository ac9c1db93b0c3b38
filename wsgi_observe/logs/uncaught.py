"""Exceptions and warnings that no request stands behind, as lines: Python's last hooks."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import Any

from wsgi_observe.core.context import id_of_failure, running
from wsgi_observe.core.failures import any_failure, is_lost_client
from wsgi_observe.core.loggers import get_logger
from wsgi_observe.core.records import own_extra
from wsgi_observe.logs.threads import id_of_thread, note_starts

_log = get_logger("wsgi_observe.uncaught")
_warnings = get_logger("py.warnings")


class Hook:
    """A hook of Python's that makes a line, then asks the one that was there before.

    Python's own is asked only where no line can be made: it prints what the line has said.
    """

    def __init__(self, tell: Callable[..., bool], before: Any, default: Any) -> None:
        self._tell = tell
        self.before = before
        self._default = default

    def __call__(self, *arguments: Any, **keywords: Any) -> None:
        """Tell it, and pass it on."""
        try:
            told = self._tell(*arguments, **keywords)
        except any_failure():
            told = False
        # `logging.captureWarnings` has set one that would log the same once more.
        is_known = (
            self.before is self._default or getattr(self.before, "__module__", "") == "logging"
        )
        if not told or not is_known:
            self.before(*arguments, **keywords)


def capture_uncaught(wanted: bool) -> None:
    """Hang our hooks before those that are there, or take ours off."""
    of_warnings = getattr(warnings, "_showwarning_orig", None)
    _hang(sys, "excepthook", wanted, _tell_exception, sys.__excepthook__)
    _hang(threading, "excepthook", wanted, _tell_thread, threading.__excepthook__)
    _hang(sys, "unraisablehook", wanted, _tell_unraisable, sys.__unraisablehook__)
    _hang(warnings, "showwarning", wanted, _tell_warning, of_warnings)
    note_starts(wanted)


def _hang(place: Any, name: str, wanted: bool, tell: Callable[..., bool], default: Any) -> None:
    now = getattr(place, name)
    if isinstance(now, Hook):
        if not wanted:
            setattr(place, name, now.before)
    elif wanted:
        setattr(place, name, Hook(tell, now, default))


def _tell_exception(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> bool:
    if error is None or not isinstance(error, (Exception, BaseExceptionGroup)):
        return False  # Ctrl-C is no failure
    if trace is None and is_lost_client(error) and running() is not None:
        return True  # uWSGI could not send on; the access line says `aborted`
    _log.critical("uncaught %s", kind.__name__, exc_info=(kind, error, trace), extra=_id(error))
    return True


def _tell_thread(args: threading.ExceptHookArgs) -> bool:
    if args.exc_value is None or isinstance(args.exc_value, SystemExit):
        return isinstance(args.exc_value, SystemExit)
    name = args.thread.name if args.thread is not None else "?"
    info = (args.exc_type, args.exc_value, args.exc_traceback)
    extra = {**_id(args.exc_value, id_of_thread(args.thread)), "thread_name": name}
    _log.error("uncaught %s in a thread", args.exc_type.__name__, exc_info=info, extra=extra)
    return True


def _tell_unraisable(args: Any) -> bool:
    kind, error = args.exc_type, args.exc_value
    info = (kind, error if error is not None else kind(), args.exc_traceback)
    # The object itself may be half gone: its kind is all that is safe to ask for.
    of = type(args.object).__qualname__ if args.object is not None else "nothing"
    what = args.err_msg or "Exception ignored in"
    _log.error("%s: %s of %s", what, kind.__name__, of, exc_info=info)
    return True


def _tell_warning(
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


def _id(error: BaseException, started_under: str | None = None) -> dict[str, object]:
    """Return the ID of the job that failed and has ended by now, or else the thread's."""
    found = id_of_failure(error) or started_under
    return {} if found is None else own_extra({"request_id": found})
