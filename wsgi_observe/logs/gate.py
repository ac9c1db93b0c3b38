"""The levels and filters of the handlers that ours replaced, and handlers for failures alone."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from wsgi_observe.logs.foreign import is_for_development, propagation_path


def is_failure(record: logging.LogRecord) -> bool:
    """Return whether no level or filter of another handler may keep a record from our log."""
    return record.levelno >= logging.ERROR or bool(record.exc_info and record.exc_info[0])


class Gate:
    """Decides which records our handler writes in place of the handlers that it replaced.

    Below ERROR it writes what one of them would have written. A failure always passes.
    """

    def __init__(self) -> None:
        self._replaced: dict[object, tuple[logging.Logger, logging.Handler]] = {}
        self.is_open = True
        """Whether every record passes, since none of the handlers had a level or a filter."""

    def add(self, logger: logging.Logger, handler: logging.Handler) -> None:
        """Take note of a handler that was replaced on `logger`."""
        if is_for_development(handler):
            return
        # The same configuration may come again and again, as at each request.
        kinds = tuple(type(one) for one in handler.filters)
        self._replaced[logger.name, handler.level, kinds] = (logger, handler)
        replaced = (one for _, one in self._replaced.values())
        self.is_open = not any(one.level or one.filters for one in replaced)

    def passes(self, record: logging.LogRecord) -> bool | logging.LogRecord:
        """Return whether our handler writes `record`, or the record that it writes instead.

        A filter may return another record (since Python 3.12).
        """
        path = propagation_path(logging.getLogger(record.name))
        concerned = [handler for logger, handler in self._replaced.values() if logger in path]
        if not concerned or record.name.startswith("wsgi_observe"):
            return True
        for handler in concerned:
            passed: Any = record.levelno >= handler.level and handler.filter(record)
            if passed:
                return passed  # type: ignore[no-any-return]
        return is_failure(record)


class FailureHandler(logging.Handler):
    """Hand failures to our handlers: for a logger whose other records go to a file of the user's.

    :param handlers: which get the records.
    """

    def __init__(self, handlers: Sequence[logging.Handler]) -> None:
        super().__init__()
        self._handlers = handlers

    def emit(self, record: logging.LogRecord) -> None:
        """Hand a failure on."""
        if is_failure(record):
            for handler in self._handlers:
                if record.levelno >= handler.level:
                    handler.handle(record)
