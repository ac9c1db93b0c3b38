"""Levels and filters of the handlers that ours replaced."""

from __future__ import annotations

import logging
from collections.abc import Callable, Set
from typing import Any

from wsgi_observe._loggers import config_watch
from wsgi_observe.logs.foreign_handlers import is_debug_only, propagation_path
from wsgi_observe.logs.logger_state import is_service_logger
from wsgi_observe.wsgi.exceptions import any_failure

FilterResult = Any
"""A filter's result: whether the record passes, or the one that does (since Python 3.12)."""


class ReplacedHandlersFilter:
    """Decides which records our handlers write in place of the handlers that they replaced.

    Below ERROR they write those that one of them would have written. Errors always pass, and so do
    access lines, other records of ours, and Gunicorn's.
    """

    def __init__(self) -> None:
        self._replaced: dict[str, dict[object, logging.Handler]] = {}
        self._errors_only: Set[str] = frozenset()
        self._has_conditions = False
        self.accepts_all = True
        """Whether every record passes, since no handler had a level or a filter."""

    def add(self, logger: logging.Logger, handler: logging.Handler) -> None:
        """Add a handler that was replaced on `logger`."""
        if is_debug_only(handler):
            return
        # The same configuration may come again and again, as at each request.
        kinds = tuple(type(one) for one in handler.filters)
        self._replaced.setdefault(logger.name, {})[handler.level, kinds] = handler
        if handler.level or handler.filters:
            self._has_conditions = True
            self.accepts_all = False

    def set_errors_only(self, loggers: Set[str]) -> None:
        """Set the loggers of which we write only errors: their records go to the app's files."""
        self._errors_only = loggers
        self.accepts_all = not (loggers or self._has_conditions)

    def filter(self, record: logging.LogRecord) -> FilterResult:
        """Return whether our handlers write `record`, or the record to write instead."""
        if self.accepts_all:
            return True
        path = propagation_path(logging.getLogger(record.name))
        counting = () if is_service_logger(record.name) else path
        replaced = [one for step in counting for one in self._replaced.get(step.name, {}).values()]
        for handler in replaced:
            result = record.levelno >= handler.level and _call_filter(handler.filter, record)
            if result:
                return result
        is_ours = not replaced and self._errors_only.isdisjoint(one.name for one in path)
        return is_ours or _is_error(record)

    def filter_for(self, own: logging.Handler, record: logging.LogRecord) -> FilterResult:
        """Return the result for our handler `own`, which the app may have added filters to."""
        result = self.filter(record)
        if not (result and own.filters):
            return result
        candidate: logging.LogRecord = record if result is True else result
        must_pass = is_service_logger(candidate.name) or _is_error(candidate)
        return _call_filter(own.filter, candidate) or (candidate if must_pass else False)


def _is_error(record: logging.LogRecord) -> bool:
    """Return whether no level or filter of another handler may keep a record from our log."""
    return record.levelno >= logging.ERROR or bool(record.exc_info and record.exc_info[0])


def _call_filter(
    accepts: Callable[[logging.LogRecord], Any], record: logging.LogRecord
) -> FilterResult:
    """Return a filter's result; True if it raises."""
    try:
        return accepts(record)
    except any_failure():  # as one that reads `flask.request` does outside of a request
        config_watch.report_error()
        return True
