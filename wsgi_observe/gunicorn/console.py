"""The handlers that write to the console: which they are, and how they give way to ours."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import suppress

Gone = list[tuple[logging.Logger, logging.Handler]]


def is_console(handler: logging.Handler) -> bool:
    """Tell whether a handler writes to what is the process's stdout or stderr, also as a file."""
    if not isinstance(handler, logging.StreamHandler):
        return False
    stream = handler.stream
    found = _file_of(stream)
    if found is None:
        return stream in (sys.stdout, sys.stderr)
    return found in (_file_of(sys.__stdout__), _file_of(sys.__stderr__))


def writes_itself(handler: logging.Handler) -> bool:
    """Tell whether somebody has written a class for how this handler's lines look.

    That is the user's own form of the console, and is left to them.
    """
    stock = type(handler) in (logging.StreamHandler, logging.FileHandler)
    return not stock or type(handler.formatter) not in (logging.Formatter, type(None))


def give_way(ours: logging.Handler) -> Gone:
    """Take the stock handlers for the console off; return each with its logger.

    Where a logger does not propagate, ours takes the place, so that its records go on.
    """
    gone: Gone = []
    for logger in all_loggers():
        for handler in list(logger.handlers):
            if is_console(handler) and not writes_itself(handler):
                logger.removeHandler(handler)
                gone.append((logger, handler))
                if not reaches_root(logger) and ours not in logger.handlers:
                    logger.addHandler(ours)
    return gone


def all_loggers() -> list[logging.Logger]:
    """Return root and every logger that was made."""
    known = list(logging.root.manager.loggerDict.values())
    return [logging.root, *(one for one in known if isinstance(one, logging.Logger))]


def path_of(logger: logging.Logger) -> list[logging.Logger]:
    """Return the loggers whose handlers get the records of one, itself first."""
    path = [logger]
    while path[-1].propagate and path[-1].parent is not None:
        path.append(path[-1].parent)
    return path


def reaches_root(logger: logging.Logger) -> bool:
    """Tell whether the records of a logger get to root's handlers."""
    return path_of(logger)[-1] is logging.root


class Gate(logging.Filter):
    """Lets through what one of the handlers that gave way would have written.

    Their levels and filters still count, each for the records that got to it.
    """

    def __init__(self, gone: Gone) -> None:
        super().__init__()
        self._gone = gone

    def filter(self, record: logging.LogRecord) -> bool | logging.LogRecord:  # type: ignore[override]
        """Ask those whom the record would have come to."""
        way = path_of(logging.getLogger(record.name))
        concerned = [handler for logger, handler in self._gone if logger in way]
        if not concerned or record.name.startswith("wsgi_observe"):
            return True
        for handler in concerned:
            if record.levelno >= handler.level and (answer := handler.filter(record)):
                return answer
        return False


def _file_of(stream: object) -> tuple[int, int] | None:
    with suppress(Exception):  # captured, closed, or a proxy
        found = os.fstat(stream.fileno())  # type: ignore[attr-defined]
        return found.st_dev, found.st_ino
    return None
