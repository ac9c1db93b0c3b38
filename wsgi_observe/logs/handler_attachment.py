"""Attachment of our handlers to the loggers of the process, and which handlers they replace."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from wsgi_observe.logs import foreign_handlers as foreign
from wsgi_observe.logs.handlers.sinks import FileID, get_file_id
from wsgi_observe.logs.handlers.stream import LineHandler
from wsgi_observe.logs.logger_state import is_service_logger
from wsgi_observe.logs.replaced_handlers import ReplacedHandlersFilter


class HandlerAttachment:
    """Attaches handlers to root, and to each logger whose records do not propagate to root.

    Handlers of the standard library that write to the console are replaced. One whose class or
    formatter is the user's own stays, and ours is attached beside it.
    """

    def __init__(self) -> None:
        self.handlers: tuple[logging.Handler, ...] = ()
        self.is_app_loading = False
        """Whether it is no problem that other code configures logging: most apps do it then."""
        self._replaced_filter = ReplacedHandlersFilter()
        self._settings: list[tuple[logging.Handler, logging.Formatter | None, int]] = []

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

    def attach(self) -> Iterator[str]:
        """Attach the handlers where they are missing; yield a sentence for each problem."""
        yield from self._restore_settings()
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
                yield from self._describe_change(logger, replaced)
                logger.handlers = handlers
            yield from _find_duplicate_output(logger, [*kept, *queued], files)
        self._replaced_filter.set_errors_only(errors_only)

    def reaches(self, logger: logging.Logger) -> bool:
        """Return whether its records get to our handlers, and to none that ours replace."""
        handlers = [one for step in foreign.propagation_path(logger) for one in step.handlers]
        others = [one for one in handlers if one not in self.handlers]
        if len(others) == len(handlers):
            return False
        queued = [one for _, queue in foreign.queue_listeners(others) for one in queue.handlers]
        files = self._get_output_files()
        return not any(foreign.is_replaceable(one, files) for one in [*others, *queued])

    def _restore_settings(self) -> Iterator[str]:
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
                if not (self.is_app_loading and foreign.is_stock_formatter(other)):
                    yield (
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

    def _describe_change(
        self, logger: logging.Logger, replaced: Sequence[logging.Handler]
    ) -> Iterator[str]:
        """Yield why our handlers are missing on a logger, if somebody should put that right."""
        if logger is logging.root:
            if self.handlers[0] not in logger.handlers and not self.is_app_loading:
                names = " and ".join(map(foreign.describe, replaced))
                change = f"replaced by {names}" if names else "removed"
                yield (
                    f"the root logger's handler of wsgi_observe was {change}, and put back: "
                    "configure logging once, or call configure_logging() after it"
                )
        # Not of the service: plain Gunicorn leaves its access log like this where it is off.
        elif not (logger.handlers or logger.propagate or is_service_logger(logger.name)):
            yield (
                f"the logger {logger.name} does not propagate and has no handler: its records "
                "would be lost, and are written by the handler of wsgi_observe; let it propagate"
            )

    def _get_output_files(self) -> set[FileID]:
        """Return which files the console and our handlers write to."""
        paths = [one.path for one in self.handlers if isinstance(one, LineHandler)]
        files = (get_file_id(path) for path in paths if path)
        return foreign.get_console_files().union(file for file in files if file is not None)


def root_line_handlers() -> list[logging.Handler]:
    """Return the handlers of our class that root has, attached by any code."""
    return [one for one in logging.root.handlers if isinstance(one, LineHandler)]


def _go_elsewhere(handlers: Sequence[logging.Handler], files: set[FileID]) -> bool:
    """Return whether the user attached handlers, for files other than ours or the network alone."""
    return bool(handlers) and all(
        foreign.is_file_or_network_handler(one) and not foreign.writes_to(one, files)
        for one in handlers
    )


def _find_duplicate_output(
    logger: logging.Logger, handlers: Sequence[logging.Handler], files: set[FileID]
) -> Iterator[str]:
    for handler in handlers:
        if not isinstance(handler, LineHandler) and foreign.writes_to(handler, files):
            yield (
                f"{foreign.describe(handler)} on the logger {logger.name} writes the same records "
                "to the console in a form of its own, beside the JSON lines: remove it"
            )
