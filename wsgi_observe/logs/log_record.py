"""Log records of our own: made quickly, with fields whose names are reserved."""

from __future__ import annotations

import logging
import sys
from os import getpid
from threading import current_thread, get_ident
from time import time

from wsgi_observe.field_names import OWN_FIELDS_ATTRIBUTE

_Record = logging.LogRecord


def make_own_extra(fields: dict[str, object]) -> dict[str, object]:
    """Return the ``extra=`` of a record of our own, whose fields may have reserved names.

    They are attributes for any formatter, and once more in one dict for ours, which renames an
    attribute that an app has set under such a name to ``extra_<name>``.
    """
    return {**fields, OWN_FIELDS_ATTRIBUTE: fields}


class RecordMaker:
    """Makes the records of one logger and module, by copying what does not change.

    Faster than ``Logger.makeRecord``. A record factory of the user's is called instead.

    :param level: of records for which `make` gets no other.
    """

    def __init__(self, logger: logging.Logger, level: int, path: str) -> None:
        self._logger, self._level, self._path = logger, level, path
        self._template = self._call_factory("", {}).__dict__
        self._start_time = self._template["created"] - self._template["relativeCreated"] / 1000

    def make(
        self, message: str, fields: dict[str, object], level: int | None = None
    ) -> logging.LogRecord:
        """Return the record that ``logger.log(level, message, extra=fields)`` would make."""
        if logging.getLogRecordFactory() is not _Record:
            return self._call_factory(message, make_own_extra(fields), level)
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
        attributes["levelno"] = number = self._level if level is None else level
        attributes["levelname"] = logging.getLevelName(number)  # it may have been renamed
        attributes.update(fields)
        attributes[OWN_FIELDS_ATTRIBUTE] = fields
        return record

    def _call_factory(
        self, message: str, fields: dict[str, object], level: int | None = None
    ) -> logging.LogRecord:
        number = self._level if level is None else level
        return self._logger.makeRecord(
            self._logger.name, number, self._path, 0, message, (), None, None, fields
        )
