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
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from functools import partial
from threading import Lock
from time import perf_counter
from typing import Any, NamedTuple

from wsgi_observe._loggers import config_watch, get_logger
from wsgi_observe._safely import warn_once
from wsgi_observe.logs.debug_buffer import debug_capture
from wsgi_observe.logs.foreign_handlers import propagation_path
from wsgi_observe.logs.handler_attachment import HandlerAttachment, root_line_handlers
from wsgi_observe.logs.logger_state import LoggerState
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
    """The handlers and levels that are installed in this process, and the problems found there."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        """What somebody should put right, one sentence each."""
        self.server = ServerLogging()
        self._attachment = HandlerAttachment()
        self._state = LoggerState()
        self._reported: set[str] = set()
        self._loading_factory: partial[logging.LogRecord] | None = None
        self._create_lock()
        # Another thread may hold it while a process is forked.
        os.register_at_fork(after_in_child=self._create_lock)
        atexit.register(self._flush_at_exit)

    def _create_lock(self) -> None:
        self._lock = Lock()

    @property
    def handlers(self) -> tuple[logging.Handler, ...]:
        """Our handlers, the one for lines first; empty before the first installation."""
        return self._attachment.handlers

    def install(self, handlers: Sequence[logging.Handler], levels: Collection[str]) -> None:
        """Attach `handlers` to root, and to every logger whose records do not get there.

        Handlers of an earlier call are closed.

        :param levels: names of loggers whose levels no later configuration may change; root's
            is ``""``.
        """
        self.problems = []
        self._state.record(levels)
        self._attachment.replace(handlers)
        self.restore()
        config_watch.check, config_watch.warn_once = self.check, warn_once

    def uninstall(self) -> None:
        """Detach and close our handlers; those that they replaced do not come back."""
        config_watch.due_at = math.inf
        debug_capture.uninstall()
        self.server = ServerLogging()
        self._attachment.replace(())
        self._attachment = HandlerAttachment()
        self.problems = []
        self._reported.clear()

    def replace(self, handlers: Sequence[logging.Handler]) -> None:
        """Put `handlers` where the present ones are attached, and close the latter."""
        self._attachment.replace(handlers)

    def restore(self) -> None:
        """Restore handlers and levels where they were changed; add to `problems` what was found."""
        config_watch.due_at = perf_counter() + _CHECK_INTERVAL_SECONDS
        if not self.handlers or not self._lock.acquire(blocking=False):
            return
        try:
            self._adopt_app_handlers()
            self._add_problems(self._attachment.attach())
            self._add_problems(self._state.restore())
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
            self._attachment.is_app_loading = True
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
            self._attachment.is_app_loading = False

    def receives_records_of(self, logger: logging.Logger) -> bool:
        """Return whether records of `logger` get to our handler."""
        ours = self.handlers[:1]
        return any(one in step.handlers for one in ours for step in propagation_path(logger))

    def _make_record(
        self, make: Callable[..., logging.LogRecord], name: str, *arguments: Any, **keywords: Any
    ) -> logging.LogRecord:
        """Make a record, and restore our handlers if it would not get to them."""
        if self._loading_factory is not None:
            with suppress(Exception):  # a record made by hand, with a name that is no text
                if not self._attachment.reaches(logging.getLogger(name)):
                    self.restore()
        return make(name, *arguments, **keywords)

    def _adopt_app_handlers(self) -> None:
        """Use the handler that the app attached itself, by ``dictConfig(logging_config())``."""
        attached = root_line_handlers()
        if attached and self.handlers[0] not in attached:
            self.replace([*attached, *self.server.handlers])

    def _add_problems(self, problems: Iterable[str]) -> None:
        for one in problems:
            if one not in self.problems and len(self.problems) <= _MAX_PROBLEMS:
                is_last = len(self.problems) == _MAX_PROBLEMS
                self.problems.append("there are more, which are not listed" if is_last else one)

    def _flush_at_exit(self) -> None:
        """Flush those of our handlers that a ``dictConfig`` had `logging` forget."""
        known = [reference() for reference in logging._handlerList]  # type: ignore[attr-defined]
        for handler in self.handlers:
            if handler not in known:
                handler.flush()


installation = Installation()
"""The one of this process."""
