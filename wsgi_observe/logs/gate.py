"""The levels and filters of the handlers that ours replaced, and handlers for failures alone."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from wsgi_observe.core.failures import any_failure
from wsgi_observe.core.loggers import watch
from wsgi_observe.logs.foreign import is_for_development, propagation_path, reaches

Verdict = bool | logging.LogRecord
"""What a filter returns: whether a record passes, or the one that does (since Python 3.12)."""


def is_failure(record: logging.LogRecord) -> bool:
    """Return whether no level or filter of another handler may keep a record from our log."""
    return record.levelno >= logging.ERROR or bool(record.exc_info and record.exc_info[0])


class Gate:
    """Decides which records our handler writes in place of the handlers that it replaced.

    Below ERROR it writes what one of them would have written. A failure always passes, and so do
    the access line and other records of ours, and Gunicorn's.
    """

    def __init__(self) -> None:
        self._replaced: dict[str, dict[object, logging.Handler]] = {}
        self.is_open = True
        """Whether every record passes, since none of the handlers had a level or a filter."""

    def add(self, logger: logging.Logger, handler: logging.Handler) -> None:
        """Take note of a handler that was replaced on `logger`."""
        if is_for_development(handler):
            return
        # The same configuration may come again and again, as at each request.
        kinds = tuple(type(one) for one in handler.filters)
        self._replaced.setdefault(logger.name, {})[handler.level, kinds] = handler
        if handler.level or handler.filters:
            self.is_open = False

    def passes(self, record: logging.LogRecord, own: logging.Handler) -> Verdict:
        """Return whether `own`, which is ours, writes `record`, or which it writes instead.

        The app may have put filters on our handler as well.
        """
        passed: Any = True
        if not _is_of_service(record) and (handlers := list(self._on_the_way_of(record))):
            passed = self._passes_one_of(handlers, record)
        if passed and own.filters:
            given = record if passed is True else passed
            passed = _ask(own.filter, given)
            if not passed and (_is_of_service(given) or is_failure(given)):
                return given
        return passed  # type: ignore[no-any-return]

    def _on_the_way_of(self, record: logging.LogRecord) -> Iterator[logging.Handler]:
        if self._replaced:
            for logger in propagation_path(logging.getLogger(record.name)):
                yield from self._replaced.get(logger.name, {}).values()

    def _passes_one_of(
        self, handlers: Sequence[logging.Handler], record: logging.LogRecord
    ) -> Verdict:
        for handler in handlers:
            passed = record.levelno >= handler.level and _ask(handler.filter, record)
            if passed:
                return passed
        return is_failure(record)


def _ask(accepts: Callable[[logging.LogRecord], Any], record: logging.LogRecord) -> Verdict:
    """Return what a filter says; one that raises keeps no record from our log."""
    try:
        return accepts(record)  # type: ignore[no-any-return]
    except any_failure():  # as one that reads `flask.request` does outside of a request
        watch.report_error()
        return True


def _is_of_service(record: logging.LogRecord) -> bool:
    """Return whether a record would never have got to handlers of the app's."""
    return record.name.startswith(("wsgi_observe", "gunicorn.", "wsgi.errors"))


class FailureHandler(logging.Handler):
    """Hand failures to our handlers: for a logger whose other records go to the user's file."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: Sequence[logging.Handler] = ()
        """Our handlers."""

    def emit(self, record: logging.LogRecord) -> None:
        """Hand a failure on, unless another logger on its way has our handlers themselves."""
        if not self.targets or not is_failure(record):
            return
        if reaches(logging.getLogger(record.name), self.targets[0]):
            return
        for handler in self.targets:
            if record.levelno >= handler.level:
                handler.handle(record)
