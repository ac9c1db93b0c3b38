"""Our handlers as installed in `logging`: attached where records arrive, restored when removed.

Apps configure logging too: before, while and after they are loaded, and mostly with
``disable_existing_loggers``. What they do is compared with what was installed when the app is
loaded, at ``observe()``, at the first request after it, and then every two seconds.
"""

from __future__ import annotations

import atexit
import logging
import math
import os
import sys
from collections.abc import Collection, Iterator, Sequence
from threading import Lock
from time import perf_counter
from typing import NamedTuple

from wsgi_observe._loggers import config_watch, get_logger, is_kept_enabled, keep_errors_enabled
from wsgi_observe._safely import warn_once
from wsgi_observe.logs import other_handlers as foreign
from wsgi_observe.logs.handlers.stream import LineHandler
from wsgi_observe.logs.record_factory import RestoringRecordFactory
from wsgi_observe.logs.replaced_handlers import ErrorForwarder, ReplacedHandlersFilter
from wsgi_observe.settings import Settings

_log = get_logger("wsgi_observe.logs")

_CHECK_INTERVAL_SECONDS = 2.0  # between two comparisons
_MAX_LISTED_LOGGERS = 20  # of loggers in one message
_MAX_PROBLEMS = 20  # an app may make a logger for each job

# First parts of the names of loggers that only the service itself uses.
_SERVICE_LOGGERS = frozenset({"wsgi_observe", "gunicorn", "wsgi", "py"})


class ServerLogging(NamedTuple):
    """What a server has settled for all code that configures logging in its process."""

    settings: Settings = Settings()
    """Of its environment: for what a call of ``configure_logging`` leaves open."""
    stream: str = "stdout"
    """Where lines go that no setting chose a stream for."""
    owner: tuple[int, int] | None = None
    """User and group IDs that a log file belongs to."""
    handlers: tuple[logging.Handler, ...] = ()
    """Handlers to install beside ours, such as for syslog."""


class Installation:
    """The handlers that are installed in this process, and what they found there."""

    def __init__(self) -> None:
        self.handlers: tuple[logging.Handler, ...] = ()
        self.problems: list[str] = []
        """What somebody should put right, one sentence each."""
        self.server = ServerLogging()
        self._error_forwarder = ErrorForwarder()
        self._installed: list[tuple[logging.Handler, logging.Formatter | None, int]] = []
        self._replaced_filter = ReplacedHandlersFilter()
        self._levels: dict[str, int] = {}
        self._already_disabled: set[str] = set()
        self._reported: set[str] = set()
        self._has_attached = False
        self._loading_factory: RestoringRecordFactory | None = None
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
        self._levels = {name: logging.getLogger(name).level for name in levels}
        self.problems, self._has_attached = [], False
        if (
            not config_watch.has_disabled_loggers
        ):  # or else it is a configuration that disabled them
            self._already_disabled = {one.name for one in foreign.all_loggers() if one.disabled}
        # Those of a user's ``dictConfig(logging_config())`` too.
        self.replace([*self.handlers, *_root_line_handlers()], handlers)
        self.restore()
        config_watch.check = self.check  # type: ignore[method-assign]
        config_watch.report_error = _report_error  # type: ignore[method-assign]

    def uninstall(self) -> None:
        """Detach and close our handlers; what they replaced does not come back."""
        config_watch.due_at = math.inf
        self._replaced_filter, self.server = ReplacedHandlersFilter(), ServerLogging()
        self.replace(self.handlers, ())
        self._reported.clear()

    def _flush_at_exit(self) -> None:
        """Flush those of our handlers that a ``dictConfig`` had `logging` forget."""
        known = [reference() for reference in logging._handlerList]  # type: ignore[attr-defined]
        for handler in self.handlers:
            if handler not in known:
                handler.flush()

    def restore(self) -> None:
        """Attach our handlers where they are missing; add to `problems` what was found.

        Handlers of the standard library that write to the console give way. One whose class or
        formatter is the user's own stays, and ours is attached beside it.
        """
        config_watch.due_at = perf_counter() + _CHECK_INTERVAL_SECONDS
        if not self.handlers or not self._lock.acquire(blocking=False):
            return
        try:
            self._add_problems(self._restore())
        except Exception:  # a handler of the app's may do anything when it is looked at
            warn_once("comparing the logging configuration")
        finally:
            self._lock.release()

    def _add_problems(self, found: Sequence[str]) -> None:
        for one in found:
            if one not in self.problems and len(self.problems) <= _MAX_PROBLEMS:
                is_last = len(self.problems) == _MAX_PROBLEMS
                self.problems.append("there are more, which are not listed" if is_last else one)

    def _restore(self) -> list[str]:
        self._adopt_app_handlers()
        found = [
            *self._restore_handler_settings(),
            *self._attach_handlers(),
            *self._restore_levels(),
        ]
        if config_watch.has_disabled_loggers:
            config_watch.has_disabled_loggers = False
            found += self._keep_errors_of_disabled_loggers()
        return found

    def check(self) -> None:
        """Restore what other code has changed, and log each problem once."""
        self.restore()
        new = self.take_unreported_problems()
        if new:
            _log.warning("logging is configured by other code, too: %s", "; ".join(new))

    def take_unreported_problems(self) -> list[str]:
        """Return the problems that no line has reported, and take them as reported."""
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
            self._loading_factory = RestoringRecordFactory(self.reaches, self.restore)
            logging.setLogRecordFactory(self._loading_factory)

    def end_app_loading(self) -> None:
        """Restore once more; what changes from now on is reported."""
        if self._loading_factory is not None:
            self._loading_factory.uninstall()
            self.restore()
            self._loading_factory = None

    def reaches(self, logger: logging.Logger) -> bool:
        """Return whether its records get to a handler of ours, and to none that gives way."""
        handlers = [one for step in foreign.propagation_path(logger) for one in step.handlers]
        if not any(one in self._own_handlers() for one in handlers):
            return False
        files = self._get_output_files()
        others = [one for one in handlers if one not in self._own_handlers()]
        listeners = [one for one in map(foreign.get_queue_listener, others) if one is not None]
        queued = [one for listener in listeners for one in listener.handlers]
        return not any(_is_replaceable(one, files) for one in [*others, *queued])

    def receives_records_of(self, logger: logging.Logger) -> bool:
        """Return whether records of `logger` get to our handler."""
        return any(foreign.propagates_to(logger, one) for one in self.handlers[:1])

    def _own_handlers(self) -> tuple[logging.Handler, ...]:
        return (*self.handlers, self._error_forwarder)

    def _get_output_files(self) -> set[foreign.FileID]:
        files = foreign.get_console_files()
        for handler in self.handlers:
            path = handler.path if isinstance(handler, LineHandler) else ""
            file = foreign.get_file_id(path) if path else None
            if file is not None:
                files.add(file)
        return files

    def _set_handlers(self, handlers: Sequence[logging.Handler]) -> None:
        self.handlers = self._error_forwarder.targets = tuple(handlers)
        self._installed = [(one, one.formatter, one.level) for one in handlers]
        for handler in handlers:
            if isinstance(handler, LineHandler):
                handler.replaced_filter = self._replaced_filter

    def _adopt_app_handlers(self) -> None:
        """Use the handler that the app attached itself, by ``dictConfig(logging_config())``."""
        found = _root_line_handlers()
        if found and self.handlers[0] not in found:
            self.replace(self.handlers, [*found, *self.server.handlers])

    def replace(
        self, before: Sequence[logging.Handler], handlers: Sequence[logging.Handler]
    ) -> None:
        """Use `handlers`, put them where those of before were, and close the latter.

        Each logger in one step: another thread may be logging meanwhile.
        """
        self._set_handlers(handlers)
        for logger in foreign.all_loggers():
            if any(one in before for one in logger.handlers):
                ours = self.handlers
            elif self._error_forwarder in logger.handlers:
                ours = (self._error_forwarder,) if self.handlers else ()
            else:
                continue
            kept = [one for one in logger.handlers if one not in (*before, *self._own_handlers())]
            logger.handlers = [*ours, *kept]
        for handler in before:
            if handler not in self.handlers:
                handler.close()

    def _restore_handler_settings(self) -> Iterator[str]:
        """Restore formatter and level of our handlers: apps set them on all that root has.

        A level counts as that of a handler that was replaced. A formatter of ours is kept.
        """
        for handler, formatter, level in self._installed:
            if handler.level != level:
                if isinstance(handler, LineHandler):
                    self._replaced_filter.add(logging.root, logging.Handler(handler.level))
                handler.setLevel(level)
            other = handler.formatter
            if other is not formatter and not hasattr(other, "lines"):
                handler.setFormatter(formatter)
                if self._loading_factory is None or not foreign.is_stock_formatter(other):
                    yield (
                        "the formatter of wsgi_observe's handler was replaced by "
                        f"{type(other).__name__}, and put back: set yours on a handler of yours"
                    )

    def _attach_handlers(self) -> Iterator[str]:
        files = self._get_output_files()
        for logger in foreign.all_loggers():
            if not logger.handlers and logger.propagate and logger is not logging.root:
                continue  # nearly all are like this
            queued = self._detach_queued_handlers(logger, files)
            replaced = [one for one in logger.handlers if _is_replaceable(one, files)]
            for handler in replaced:
                if not foreign.is_framework_default(handler):
                    self._replaced_filter.add(logger, handler)
            wanted = self._select_handlers(logger, replaced)
            kept = [
                one
                for one in logger.handlers
                if one not in replaced and one not in self._own_handlers()
            ]
            # Ours first: a handler or filter of the app's that raises ends the record's way. And
            # in a list of its own: apps share those of Gunicorn's loggers.
            handlers = [*wanted, *kept]
            if handlers != logger.handlers:
                yield from self._find_missing_handlers(logger, replaced)
                logger.handlers = handlers
            yield from _find_duplicate_output(logger, [*kept, *queued], files)
        self._has_attached = True

    def _detach_queued_handlers(
        self, logger: logging.Logger, files: set[foreign.FileID]
    ) -> list[logging.Handler]:
        """Detach what gives way to ours from the listeners of its queues; return what stays."""
        kept: list[logging.Handler] = []
        for handler in logger.handlers:
            listener = foreign.get_queue_listener(handler)
            if listener is None:
                continue
            replaced = [one for one in listener.handlers if _is_replaceable(one, files)]
            for one in replaced:
                self._replaced_filter.add(
                    logger, foreign.combine_queue_handlers(handler, listener, one)
                )
            if replaced:
                listener.handlers = tuple(one for one in listener.handlers if one not in replaced)
            kept += listener.handlers
        return kept

    def _find_missing_handlers(
        self, logger: logging.Logger, replaced: Sequence[logging.Handler]
    ) -> Iterator[str]:
        """Yield why our handlers are missing on a logger, if somebody should put that right."""
        if logger is logging.root:
            was_there = self._has_attached and self._loading_factory is None
            if was_there and self.handlers[0] not in logger.handlers:
                names = " and ".join(map(foreign.describe, replaced))
                done = f"replaced by {names}" if names else "removed"
                yield (
                    f"the root logger's handler of wsgi_observe was {done}, and put back: "
                    "configure logging once, or call configure_logging() after it"
                )
        # Not of the service: plain Gunicorn leaves its access log like this where it is off.
        elif not logger.handlers and not logger.propagate and not _is_service_logger(logger):
            yield (
                f"the logger {logger.name} does not propagate and has no handler: its records "
                "would be lost, and are logged by ours; have it propagate"
            )

    def _select_handlers(
        self, logger: logging.Logger, replaced: Sequence[logging.Handler]
    ) -> tuple[logging.Handler, ...]:
        """Return which of our handlers belong on a logger, whose parents were seen to before."""
        if logger is logging.root:
            return self.handlers
        above = foreign.propagation_path(logger)[1:]
        if any(self.handlers[0] in one.handlers for one in above):
            return ()
        if replaced or self.handlers[0] in logger.handlers:
            return self.handlers
        if logger.propagate or logger.disabled:
            return ()
        others = [one for one in logger.handlers if one not in self._own_handlers()]
        if others and all(isinstance(one, logging.NullHandler) for one in others):
            return ()  # muted on purpose
        if others and all(map(foreign.is_file_or_network_handler, others)):
            return (self._error_forwarder,)
        return self.handlers

    def _restore_levels(self) -> Iterator[str]:
        hidden = logging.root.manager.disable
        name = logging.getLevelName(hidden)
        if hidden >= min([logging.ERROR, *self._levels.values()]):
            logging.disable(logging.NOTSET)
            yield f"logging.disable({name}) hid records that are asked for: it was undone"
        elif hidden >= logging.INFO:
            yield f"logging.disable({name}) hides all records up to {name}, the access lines too"
        for name, level in self._levels.items():
            logger = logging.getLogger(name)
            # As numbers: `logging.addLevelName` gives a level another name.
            if logger.level != level:
                found, asked_for = map(logging.getLevelName, (logger.level, level))
                logger.setLevel(level)
                yield (
                    f"the level of the logger {logger.name} was set to {found}: "
                    f"log_level asks for {asked_for}, which counts"
                )

    def _keep_errors_of_disabled_loggers(self) -> list[str]:
        """Have loggers that a configuration disabled still log errors; return who they are."""
        names = []
        for logger in foreign.all_loggers():
            if (
                not logger.disabled
                or logger.name in self._already_disabled
                or is_kept_enabled(logger)
            ):
                continue
            if _is_service_logger(logger):
                logger.disabled = False
                continue
            keep_errors_enabled(logger)
            self._already_disabled.add(logger.name)
            names.append(logger.name)
        of_apps = [one for one in names if one.partition(".")[0] not in sys.stdlib_module_names]
        if not of_apps:
            return []
        shown = ", ".join(of_apps[:_MAX_LISTED_LOGGERS]) + (
            ", …" if len(of_apps) > _MAX_LISTED_LOGGERS else ""
        )
        return [
            f"a logging configuration disabled the existing loggers {shown}: only their errors "
            "are logged; pass disable_existing_loggers=False to dictConfig or fileConfig"
        ]


def _report_error() -> None:
    warn_once("a logging handler, filter or record factory of the app")


def _root_line_handlers() -> list[logging.Handler]:
    return [one for one in logging.root.handlers if isinstance(one, LineHandler)]


def _is_service_logger(logger: logging.Logger) -> bool:
    return logger.name.partition(".")[0] in _SERVICE_LOGGERS


def _is_replaceable(handler: logging.Handler, files: set[foreign.FileID]) -> bool:
    if isinstance(handler, LineHandler):
        return False
    is_stock = foreign.is_stock_handler(handler) and foreign.writes_to(handler, files)
    return is_stock or foreign.is_framework_default(handler)


def _find_duplicate_output(
    logger: logging.Logger, handlers: Sequence[logging.Handler], files: set[foreign.FileID]
) -> Iterator[str]:
    for handler in handlers:
        if not isinstance(handler, LineHandler) and foreign.writes_to(handler, files):
            yield (
                f"{foreign.describe(handler)} on the logger {logger.name} writes the same records "
                "to the console in a form of its own, beside the JSON lines: remove it"
            )


installation = Installation()
"""The one of this process."""
