"""Loggers that a logging configuration of the app cannot disable, and the watch for one.

``logging.config.dictConfig`` and ``fileConfig`` disable every existing logger that they do not
name, unless ``disable_existing_loggers=False`` is passed. A disabled logger drops its records
without a trace, ours and Gunicorn's included.
"""

from __future__ import annotations

import logging
import math
import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any

ACCESS_LOGGER = "wsgi_observe.access"
"""The name of the logger of access lines."""


class ConfigurationWatch:
    """The time of the next comparison of the logging configuration with our handlers.

    A request only reads `due_at`. Nothing is due before handlers were installed.

    :ivar due_at: seconds of ``time.perf_counter`` from which on the comparison is due.
    :ivar has_disabled_loggers: whether a configuration has disabled the loggers that existed;
        reset by `check`.
    :ivar check: compares, and restores missing handlers; set by the code that installs handlers.
    :ivar warn_once: logs the exception that is being handled; set likewise.
    """

    def __init__(self) -> None:
        self.due_at = math.inf
        self.has_disabled_loggers = False
        self.check: Callable[[], object] = lambda: None
        self.warn_once: Callable[[str], object] = lambda name: None

    def mark_changed(self) -> None:
        """Make the comparison due at once: other code has configured logging."""
        if self.due_at != math.inf:
            self.due_at = 0.0

    def check_if_due(self) -> None:
        """Compare, if that is due."""
        if perf_counter() >= self.due_at:
            self.check()

    def report_error(self) -> None:
        """Report the exception of a handler, filter or record factory of the app.

        Where logging is not ours, raise it again.
        """
        if self.due_at == math.inf:
            raise
        self.warn_once("a logging handler, filter or record factory of the app")


config_watch = ConfigurationWatch()


class _NeverDisabled(logging.Logger):
    """Ignores ``logging.disable``, and ``disabled = True`` where ``logging.config`` sets it.

    Handlers, filters and a record factory of the app's get the records of these loggers too, also
    outside a request, where a filter that reads ``flask.request`` raises. That exception would
    end a request, or Gunicorn's arbiter; it is reported instead.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if name == "disabled" and value and _is_called_by_logging_config():
            config_watch.has_disabled_loggers = True
            config_watch.mark_changed()
            return
        super().__setattr__(name, value)

    def isEnabledFor(self, level: int) -> bool:
        if super().isEnabledFor(level):
            return True
        if self.disabled or config_watch.due_at == math.inf:
            return False
        return self.manager.disable >= level >= self.getEffectiveLevel()

    def handle(self, record: logging.LogRecord) -> None:
        try:
            super().handle(record)
        except Exception:
            config_watch.report_error()

    def makeRecord(
        self, name: str, level: int, fn: str, lno: int, msg: object, args: Any, exc_info: Any,
        func: str | None = None, extra: Any = None, sinfo: str | None = None,
    ) -> logging.LogRecord:  # fmt: skip
        try:
            return super().makeRecord(name, level, fn, lno, msg, args, exc_info, func, extra, sinfo)
        except Exception:
            config_watch.report_error()
        record = logging.LogRecord(name, level, fn, lno, msg, args, exc_info, func, sinfo)
        record.__dict__.update(extra or {})
        return record


class _ErrorsOnlyWhileDisabled(logging.Logger):
    """Handles ERROR records while it is disabled, so that no failure is silent."""

    def isEnabledFor(self, level: int) -> bool:
        if not self.disabled:
            return super().isEnabledFor(level)
        is_failure = level >= logging.ERROR and level > self.manager.disable
        return is_failure and level >= self.getEffectiveLevel()

    def handle(self, record: logging.LogRecord) -> None:
        if not self.disabled:
            super().handle(record)
        elif record.levelno >= logging.ERROR:
            filtered: Any = self.filter(record)  # since Python 3.12 possibly another record
            if filtered:
                self.callHandlers(record if filtered is True else filtered)


def get_logger(name: str) -> logging.Logger:
    """Return the logger of that name; ``logging.config`` cannot disable it."""
    logger = logging.getLogger(name)
    keep_enabled(logger)
    return logger


def keep_enabled(logger: logging.Logger) -> None:
    """Keep ``logging.config`` from disabling `logger`."""
    _mix_in(_NeverDisabled, logger)


def keep_errors_enabled(logger: logging.Logger) -> None:
    """Make `logger` handle ERROR records also while it is disabled."""
    _mix_in(_ErrorsOnlyWhileDisabled, logger)


def is_kept_enabled(logger: logging.Logger) -> bool:
    """Return whether ``logging.config`` cannot disable `logger`."""
    return isinstance(logger, _NeverDisabled)


def _mix_in(mixin: type[logging.Logger], logger: logging.Logger) -> None:
    # In place, since modules keep the loggers that they got; their class may be the user's own.
    make_class: Callable[..., type] = type
    kind = type(logger)
    if not issubclass(kind, mixin):
        is_default = kind is logging.Logger
        logger.__class__ = mixin if is_default else make_class(kind.__name__, (mixin, kind), {})


def _is_called_by_logging_config() -> bool:
    return sys._getframe(2).f_globals.get("__name__") == "logging.config"
