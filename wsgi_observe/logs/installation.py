"""Logging as installed in this process, compared with how it is now, and restored.

Apps configure logging too: before, while and after they are loaded, and mostly with
``disable_existing_loggers``. What they do is compared with what was installed when the app is
loaded, at ``observe()``, at the first request after it, and then every two seconds.
"""

from __future__ import annotations

import atexit
import logging
import math
import os
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from functools import partial
from threading import Lock
from time import perf_counter
from typing import Any, NamedTuple

from wsgi_observe._loggers import config_watch, get_logger
from wsgi_observe._safely import warn_once
from wsgi_observe.logs import foreign_handlers as foreign
from wsgi_observe.logs.debug_buffer import debug_capture
from wsgi_observe.logs.handlers.sinks import FileID, get_file_id
from wsgi_observe.logs.handlers.stream import LineHandler
from wsgi_observe.logs.logger_state import LoggerState, is_service_logger
from wsgi_observe.logs.replaced_handlers import ReplacedHandlersFilter
from wsgi_observe.settings import Settings

_log = get_logger("wsgi_observe.logs")

_CHECK_INTERVAL_SECONDS = 2.0  # between two comparisons
_MAX_PROBLEMS = 20  # an app may make a logger for each job


class ServerLogging(NamedTuple):
    """Settings of a server for all code that configures logging in its process."""

    settings: Settings = Settings()
    """Of its environment: for what a call of ``configure_logging`` leaves open."""
    stream: str = "stdout"
    """Where lines go that no setting chose a stream for."""
    owner: tuple[int, int] | None = None
    """User and group IDs that a log file belongs to."""
    handlers: tuple[logging.Handler, ...] = ()
    """Handlers to install beside ours, such as for syslog."""


class Installation:
    """The handlers and levels that are installed in this process, and the problems found there.

    The handlers are on root, and on each logger whose records do not propagate to root. Those of
    the standard library that write to the console are replaced. One whose class or formatter is
    the user's own stays, and ours is attached beside it.
    """

    def __init__(self) -> None:
        self.handlers: tuple[logging.Handler, ...] = ()
        """Our handlers, the one for lines first; empty before the first installation."""
        self.problems: list[str] = []
        """What somebody should put right, one sentence each."""
        self.server = ServerLogging()
        self._replaced_filter = ReplacedHandlersFilter()
        self._settings: list[tuple[logging.Handler, logging.Formatter | None, int]] = []
        self._state = LoggerState()
        self._reported: set[str] = set()
        self._loading_factory: partial[logging.LogRecord] | None = None
        self._create_lock()
        # Another thread may hold it while a process is forked.
        os.register_at_fork(after_in_child=self._create_lock)
        atexit.register(self._flush_at_exit)

    def _create_lock(self) -> None:
        self._lock = Lock()

    def install(self, handlers: Sequence[logging.Handler], levels: Collection[str]) -> None:
        """Attach `handlers` to root, and to every logger whose records do not get there.

        Handlers of an earlier call are closed.

        :param levels: names of loggers whose levels no later configuration may change; root's
            is ``""``.
        """
        self.problems = []
        self._state.record(levels)
        self.replace(handlers)
        self.restore()
        config_watch.check, config_watch.warn_once = self.check, warn_once

    def uninstall(self) -> None:
        """Detach and close our handlers; those that they replaced do not come back."""
        config_watch.due_at = math.inf
        debug_capture.uninstall()
        self.server = ServerLogging()
        self.replace(())
        self._replaced_filter = ReplacedHandlersFilter()
        self.problems = []
        self._reported.clear()

    def replace(self, handlers: Sequence[logging.Handler]) -> None:
        """Put `handlers` where the present ones are attached, and close the latter.

        Each logger in one step: another thread may be logging meanwhile.
        """
        # Those of a user's ``dictConfig(logging_config())`` too.
        previous = [*self.handlers, *root_line_handlers()]
        self.handlers = tuple(handlers)
        self._settings = [(one, one.formatter, one.level) for one in handlers]
        for handler in handlers:
            if isinstance(handler, LineHandler):
                handler.replaced_filter = self._replaced_filter
            else:
                handler.addFilter(self._replaced_filter)
        for logger in foreign.all_loggers():
            if logger is logging.root or any(one in previous for one in logger.handlers):
                kept = [one for one in logger.handlers if one not in [*previous, *handlers]]
                logger.handlers = [*handlers, *kept]
        for handler in previous:
            if handler not in self.handlers:
                handler.close()

    def restore(self) -> None:
        """Restore handlers and levels where they were changed; add to `problems` what was found."""
        config_watch.due_at = perf_counter() + _CHECK_INTERVAL_SECONDS
        if not self.handlers or not self._lock.acquire(blocking=False):
            return
        try:
            self._adopt_app_handlers()
            self._restore_settings()
            self._attach()
            for problem in self._state.restore():
                self._add_problem(problem)
        except Exception:  # a handler of the app's may do anything when it is looked at
            warn_once("comparing the logging configuration")
        finally:
            self._lock.release()

    def check(self) -> None:
        """Restore what other code has changed, and log each problem once."""
        self.restore()
        new = self.take_unreported_problems()
        if new:
            _log.warning("logging is configured by other code, too: %s", "; ".join(new))

    def take_unreported_problems(self) -> list[str]:
        """Return the problems that no line has reported, and mark them as reported."""
        if not self._lock.acquire(blocking=False):
            return []  # another thread is about to report them, or the next comparison is
        try:
            new = [one for one in self.problems if one not in self._reported]
            self._reported.update(new)
        finally:
            self._lock.release()
        return new

    def begin_app_loading(self) -> None:
        """Restore as soon as a record is made, from now on: an app logs while it is imported.

        That an app configures logging then is no problem: most do.
        """
        if self.handlers and self._loading_factory is None:
            # The one official place that sees a record before its handlers do.
            self._loading_factory = partial(self._make_record, logging.getLogRecordFactory())
            logging.setLogRecordFactory(self._loading_factory)

    def end_app_loading(self) -> None:
        """Restore once more; what changes from now on is reported."""
        if self._loading_factory is not None:
            # The app may have wrapped this factory in its own, which then goes on calling it.
            if logging.getLogRecordFactory() is self._loading_factory:
                logging.setLogRecordFactory(self._loading_factory.args[0])
            self.restore()
            self._loading_factory = None

    def receives_records_of(self, logger: logging.Logger) -> bool:
        """Return whether records of `logger` get to our handler."""
        path = foreign.propagation_path(logger)
        return bool(self.handlers) and any(self.handlers[0] in one.handlers for one in path)

    def _make_record(
        self, make: Callable[..., logging.LogRecord], name: str, *arguments: Any, **keywords: Any
    ) -> logging.LogRecord:
        """Make a record, and restore our handlers if it would not get to them."""
        if self._loading_factory is not None:
            with suppress(Exception):  # a record made by hand, with a name that is no text
                if not self._reaches(logging.getLogger(name)):
                    self.restore()
        return make(name, *arguments, **keywords)

    def _adopt_app_handlers(self) -> None:
        """Use the handler that the app attached itself, by ``dictConfig(logging_config())``."""
        attached = root_line_handlers()
        if attached and self.handlers[0] not in attached:
            self.replace([*attached, *self.server.handlers])

    def _attach(self) -> None:
        """Attach the handlers where they are missing."""
        files = self._get_output_files()
        errors_only = set()
        for logger in foreign.all_loggers():
            if not logger.handlers and logger.propagate and logger is not logging.root:
                continue  # nearly all are like this
            queued = self._detach_queued_handlers(logger, files)
            replaced = [one for one in logger.handlers if foreign.is_replaceable(one, files)]
            for handler in replaced:
                self._replaced_filter.add(logger, handler)
            kept = [one for one in logger.handlers if one not in [*replaced, *self.handlers]]
            wanted = self.handlers if self._is_wanted_on(logger, replaced, kept) else ()
            if not logger.propagate and _go_elsewhere(kept, files):
                errors_only.add(logger.name)
            # Ours first: a handler or filter of the app's that raises ends the record's way. And
            # in a list of its own: apps share those of Gunicorn's loggers.
            handlers = [*wanted, *kept]
            if handlers != logger.handlers:
                self._report_change(logger, replaced)
                logger.handlers = handlers
            for handler in (*kept, *queued):
                self._report_duplicate_output(logger, handler, files)
        self._replaced_filter.set_errors_only(errors_only)

    def _reaches(self, logger: logging.Logger) -> bool:
        """Return whether its records get to our handlers, and to none that ours replace."""
        handlers = [one for step in foreign.propagation_path(logger) for one in step.handlers]
        others = [one for one in handlers if one not in self.handlers]
        if len(others) == len(handlers):
            return False
        queued = [one for _, queue in foreign.queue_listeners(others) for one in queue.handlers]
        files = self._get_output_files()
        return not any(foreign.is_replaceable(one, files) for one in [*others, *queued])

    def _restore_settings(self) -> None:
        """Restore formatter and level of our handlers: apps set them on all that root has.

        A level counts as that of a handler that was replaced. A formatter of ours is kept.
        """
        for handler, formatter, level in self._settings:
            if handler.level != level:
                if isinstance(handler, LineHandler):
                    self._replaced_filter.add(logging.root, logging.Handler(handler.level))
                handler.setLevel(level)
            other = handler.formatter
            if other is not formatter and not hasattr(other, "lines"):
                handler.setFormatter(formatter)
                if self._loading_factory is None or not foreign.is_stock_formatter(other):
                    self._add_problem(
                        "the formatter of wsgi_observe's handler was replaced by "
                        f"{type(other).__name__}, and put back: set yours on a handler of yours"
                    )

    def _detach_queued_handlers(
        self, logger: logging.Logger, files: set[FileID]
    ) -> list[logging.Handler]:
        """Detach what ours replace from the listeners of a logger's queues; return what stays."""
        kept: list[logging.Handler] = []
        for handler, listener in foreign.queue_listeners(logger.handlers):
            replaced = [one for one in listener.handlers if foreign.is_replaceable(one, files)]
            for one in replaced:
                self._replaced_filter.add(
                    logger, foreign.combine_queue_handlers(handler, listener, one)
                )
            if replaced:
                listener.handlers = tuple(one for one in listener.handlers if one not in replaced)
            kept += listener.handlers
        return kept

    def _is_wanted_on(
        self,
        logger: logging.Logger,
        replaced: Sequence[logging.Handler],
        kept: Sequence[logging.Handler],
    ) -> bool:
        """Return whether our handlers belong on a logger, and not on a parent of it."""
        if logger is logging.root:
            return True
        parents = foreign.propagation_path(logger)[1:]
        if any(self.handlers[0] in one.handlers for one in parents):
            return False
        if replaced or self.handlers[0] in logger.handlers:
            return True
        is_muted = kept and all(isinstance(one, logging.NullHandler) for one in kept)
        return not (logger.propagate or logger.disabled or is_muted)

    def _report_change(self, logger: logging.Logger, replaced: Sequence[logging.Handler]) -> None:
        """Report why our handlers are missing on a logger, if somebody should put that right."""
        if logger is logging.root:
            if self.handlers[0] not in logger.handlers and self._loading_factory is None:
                names = " and ".join(map(foreign.describe, replaced))
                change = f"replaced by {names}" if names else "removed"
                self._add_problem(
                    f"the root logger's handler of wsgi_observe was {change}, and put back: "
                    "configure logging once, or call configure_logging() after it"
                )
        # Not of the service: plain Gunicorn leaves its access log like this where it is off.
        elif not (logger.handlers or logger.propagate or is_service_logger(logger.name)):
            self._add_problem(
                f"the logger {logger.name} does not propagate and has no handler: its records "
                "would be lost, and are written by the handler of wsgi_observe; let it propagate"
            )

    def _get_output_files(self) -> set[FileID]:
        """Return which files the console and our handlers write to."""
        paths = [one.path for one in self.handlers if isinstance(one, LineHandler)]
        files = (get_file_id(path) for path in paths if path)
        return foreign.get_console_files().union(file for file in files if file is not None)

    def _report_duplicate_output(
        self, logger: logging.Logger, handler: logging.Handler, files: set[FileID]
    ) -> None:
        if not isinstance(handler, LineHandler) and foreign.writes_to(handler, files):
            self._add_problem(
                f"{foreign.describe(handler)} on the logger {logger.name} writes the same records "
                "to the console in a form of its own, beside the JSON lines: remove it"
            )

    def _add_problem(self, problem: str) -> None:
        count = len(self.problems)
        if problem not in self.problems and count <= _MAX_PROBLEMS:
            is_last = count == _MAX_PROBLEMS
            self.problems.append("there are more, which are not listed" if is_last else problem)

    def _flush_at_exit(self) -> None:
        """Flush those of our handlers that a ``dictConfig`` had `logging` forget."""
        known = [reference() for reference in logging._handlerList]  # type: ignore[attr-defined]
        for handler in self.handlers:
            if handler not in known:
                handler.flush()


def root_line_handlers() -> list[LineHandler]:
    """Return the handlers of our class that root has, attached by any code."""
    return [one for one in logging.root.handlers if isinstance(one, LineHandler)]


def _go_elsewhere(handlers: Sequence[logging.Handler], files: set[FileID]) -> bool:
    """Return whether the user attached handlers, for files other than ours or the network alone."""
    return bool(handlers) and all(
        foreign.is_file_or_network_handler(one) and not foreign.writes_to(one, files)
        for one in handlers
    )


installation = Installation()
"""The one of this process."""
