"""Log records of our own, whose fields have reserved names; most access lines need none."""

from __future__ import annotations

import logging
import sys
from os import getpid
from threading import current_thread, get_ident
from time import time

from wsgi_observe.field_names import OWN_FIELDS_ATTRIBUTE

_Record = logging.LogRecord
_transparent: set[object] = {logging.Logger.callHandlers}


def add_transparent(wrapper: object, wrapped: object) -> None:
    """Have access lines go past a wrapper of ``Logger.callHandlers``, unless it wraps another's."""
    if wrapped in _transparent:
        _transparent.add(wrapper)


def make_own_extra(fields: dict[str, object]) -> dict[str, object]:
    """Return the ``extra=`` of a record of our own, whose fields may have reserved names.

    They are attributes for any formatter, and once more in one dict for ours, which renames an
    attribute that an app has set under such a name to ``extra_<name>``.
    """
    return {**fields, OWN_FIELDS_ATTRIBUTE: fields}


class AccessLogger:
    """Logs the access lines of one module, at less cost than ``Logger.log``.

    Where our handler alone would receive the record, none is made: the line is the same. Else the
    record is a copy of a template, or made by the user's record factory.
    """

    def __init__(self, logger: logging.Logger, path: str) -> None:
        self._logger, self._path = logger, path
        self._template = self._call_factory(logging.INFO, "", {}).__dict__
        self._start_time = self._template["created"] - self._template["relativeCreated"] / 1000

    def log(self, level: int, message: str, fields: dict[str, object]) -> None:
        """Log what ``logger.log(level, message, extra=fields)`` would; the level is enabled."""
        if level < logging.WARNING and (handler := self._get_only_handler(level)) is not None:
            write = vars(type(handler)).get("write_access_line")  # a subclass may override `emit`
            source = (logging.getLevelName(level), self._logger.name, self._template["module"])
            if write is not None and write(handler, level, source, message, fields):
                return
        self._logger.handle(self._make_record(level, message, fields))

    def _get_only_handler(self, level: int) -> logging.Handler | None:
        """Return root's handler, if a record would meet nothing else that acts on it."""
        logger: logging.Logger | None = self._logger
        # Sentry's and New Relic's integrations replace `callHandlers` to receive every record.
        is_observed = logging.Logger.callHandlers not in _transparent or self._logger.filters
        if is_observed or logging.getLogRecordFactory() is not _Record:
            return None
        while logger is not logging.root:
            if logger is None or logger.handlers or not logger.propagate:
                return None
            logger = logger.parent
        handlers = [one for one in logging.root.handlers if one.level <= level]
        return handlers[0] if len(handlers) == 1 and not handlers[0].filters else None

    def _make_record(
        self, level: int, message: str, fields: dict[str, object]
    ) -> logging.LogRecord:
        if logging.getLogRecordFactory() is not _Record:
            return self._call_factory(level, message, make_own_extra(fields))
        record = _Record.__new__(_Record)
        attributes = record.__dict__
        attributes.update(self._template)
        attributes["msg"] = message
        attributes["created"] = created = time()
        attributes["msecs"] = created % 1 * 1000
        attributes["relativeCreated"] = (created - self._start_time) * 1000
        attributes["thread"] = get_ident()
        attributes["threadName"] = current_thread().name
        attributes["process"] = getpid()
        if "multiprocessing" in sys.modules:
            attributes["processName"] = sys.modules["multiprocessing"].current_process().name
        attributes["levelno"] = level
        attributes["levelname"] = logging.getLevelName(level)  # it may have been renamed
        attributes.update(fields)
        attributes[OWN_FIELDS_ATTRIBUTE] = fields
        return record

    def _call_factory(
        self, level: int, message: str, fields: dict[str, object]
    ) -> logging.LogRecord:
        return self._logger.makeRecord(
            self._logger.name, level, self._path, 0, message, (), None, None, fields
        )
