"""Levels and filters of the handlers that ours replaced, and the handler for errors alone."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from wsgi_observe._loggers import config_watch
from wsgi_observe.logs.foreign_handlers import is_debug_only, propagates_to, propagation_path
from wsgi_observe.logs.logger_state import is_service_logger
from wsgi_observe.wsgi.exceptions import any_failure

FilterResult = bool | logging.LogRecord
"""A filter's result: whether the record passes, or the one that does (since Python 3.12)."""


def is_error_record(record: logging.LogRecord) -> bool:
    """Return whether no level or filter of another handler may keep a record from our log."""
    return record.levelno >= logging.ERROR or bool(record.exc_info and record.exc_info[0])


class ReplacedHandlersFilter:
    """Decides which records our handler writes in place of the handlers that it replaced.

    Below ERROR it writes those that one of them would have written. Errors always pass, and so do
    access lines, other records of ours, and Gunicorn's.
    """

    def __init__(self) -> None:
        self._replaced: dict[str, dict[object, logging.Handler]] = {}
        self.accepts_all = True
        """Whether every record passes, since none of the handlers had a level or a filter."""

    def add(self, logger: logging.Logger, handler: logging.Handler) -> None:
        """Add a handler that was replaced on `logger`."""
        if is_debug_only(handler):
            return
        # The same configuration may come again and again, as at each request.
        kinds = tuple(type(one) for one in handler.filters)
        self._replaced.setdefault(logger.name, {})[handler.level, kinds] = handler
        if handler.level or handler.filters:
            self.accepts_all = False

    def filter_record(self, record: logging.LogRecord, own: logging.Handler) -> FilterResult:
        """Return whether our handler `own` writes `record`, or the record to write instead.

        The app may have added filters to our handler as well.
        """
        result: Any = True
        if not is_service_logger(record.name) and (
            handlers := list(self._iter_replaced_handlers(record))
        ):
            result = self._filter_by_any(handlers, record)
        if result and own.filters:
            candidate = record if result is True else result
            result = _call_filter(own.filter, candidate)
            if not result and (is_service_logger(candidate.name) or is_error_record(candidate)):
                return candidate
        return result  # type: ignore[no-any-return]

    def _iter_replaced_handlers(self, record: logging.LogRecord) -> Iterator[logging.Handler]:
        if self._replaced:
            for logger in propagation_path(logging.getLogger(record.name)):
                yield from self._replaced.get(logger.name, {}).values()

    def _filter_by_any(
        self, handlers: Sequence[logging.Handler], record: logging.LogRecord
    ) -> FilterResult:
        for handler in handlers:
            result = record.levelno >= handler.level and _call_filter(handler.filter, record)
            if result:
                return result
        return is_error_record(record)


def _call_filter(
    accepts: Callable[[logging.LogRecord], Any], record: logging.LogRecord
) -> FilterResult:
    """Return a filter's result; True if it raises."""
    try:
        return accepts(record)  # type: ignore[no-any-return]
    except any_failure():  # as one that reads `flask.request` does outside of a request
        config_watch.report_error()
        return True


class ErrorForwarder(logging.Handler):
    """Forward errors to our handlers: for a logger whose other records go to the user's file."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: Sequence[logging.Handler] = ()
        """Our handlers."""

    def emit(self, record: logging.LogRecord) -> None:
        """Forward an error, unless it propagates to our handlers itself."""
        if not self.targets or not is_error_record(record):
            return
        if propagates_to(logging.getLogger(record.name), self.targets[0]):
            return
        for handler in self.targets:
            if record.levelno >= handler.level:
                handler.handle(record)
