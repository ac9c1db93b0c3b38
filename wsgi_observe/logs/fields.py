"""The fields of a log line: its record's, its request's, and what ``extra=`` has added."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Collection, Mapping
from itertools import islice
from time import gmtime, strftime
from typing import Any

from wsgi_observe.core.context import id_of_failure
from wsgi_observe.core.failures import any_failure
from wsgi_observe.core.names import CONTEXT, FACTS, RECORD_NAMES, RESERVED, free_name
from wsgi_observe.logs.request_fields import Fields, add_request

_Record = logging.LogRecord

_without_colours = re.compile(r"\x1b\[[0-9;]*m").sub

OWN_ATTRIBUTES = frozenset({FACTS, CONTEXT})
"""What records have for us alone, which is on no line."""

_NO_EXTRAS = RECORD_NAMES | OWN_ATTRIBUTES
# What `logging` itself puts on a record comes first on it, and `extra=` behind.
FIRST_EXTRA = len(logging.makeLogRecord({}).__dict__)

# The milliseconds at which the second of the last timestamp began, and how that second is
# written: most lines fall into it too.
_second = (0.0, "1970-01-01T00:00:00")
_MILLISECONDS = [f".{number:03d}Z" for number in range(1000)]


class LineFields:
    """Makes the fields of lines by the settings of one handler; leaves their records as they are.

    :param static: fields of every line; one with a reserved name becomes ``extra_<name>``.
    :param remote_addr: how much of the client's address is shown.
    """

    def __init__(self, static: Mapping[str, object], remote_addr: str = "full") -> None:
        self.static: Fields = {free_name(name): value for name, value in static.items()}
        self.remote_addr = remote_addr
        self._taken = RESERVED | OWN_ATTRIBUTES | self.static.keys()

    def of(self, record: logging.LogRecord, message: str | None = None) -> Fields:
        """Return the fields of a record's line.

        :param message: the record's message, for who has formatted it already: an argument's
            ``__str__`` may take long, or do something.
        """
        attributes = record.__dict__
        fields: Fields = {
            "timestamp": timestamp(record.created),
            "level": record.levelname,
            "logger": record.name,
            "module": record.module,
            "message": message_of(record) if message is None else message,
            "pid": record.process or os.getpid(),
        }
        if self.static:
            fields.update(self.static)
        add_request(fields, attributes, self.remote_addr)
        if record.exc_info and record.exc_info[0] is not None:
            fields["exc_type"] = record.exc_info[0].__name__
            if "request_id" not in fields and record.exc_info[1] is not None:
                _add_id_of_failure(fields, record.exc_info[1])
        if len(attributes) > FIRST_EXTRA:
            self._add_extras(fields, attributes)
        return fields

    def _add_extras(self, fields: Fields, attributes: dict[str, Any]) -> None:
        not_extra, count = _NO_EXTRAS, FIRST_EXTRA
        if FACTS in attributes:  # fields of ours, which are attributes too
            fields.update(attributes[FACTS])
            not_extra = not_extra.union(attributes[FACTS])
            count += len(attributes[FACTS]) + 1
        if CONTEXT in attributes:
            placed = _add_noted(fields, attributes[CONTEXT])
            not_extra = not_extra.union(placed)
            count += len(placed) + 1
        if len(attributes) == count:
            return
        taken = self._taken
        for name, value in islice(attributes.items(), FIRST_EXTRA, None):
            if name.__class__ is str and name not in taken and name not in fields:
                fields[name] = value
            elif name not in not_extra:
                free = str(name)
                while free in taken or free in fields:
                    free = f"extra_{free}"
                fields[free] = value


def _add_id_of_failure(fields: Fields, error: BaseException) -> None:
    """Add the ID of the request that `error` has left: its server reports it when that is over."""
    request_id = id_of_failure(error)
    if request_id is not None:
        fields["request_id"] = request_id


def _add_noted(fields: Fields, noted: Mapping[str, Any]) -> Collection[str]:
    """Add what a filter has of its own, and of an exception that a QueueHandler made text of.

    Return the attributes that the filter has set.
    """
    for name, value in noted["static"].items():
        fields.setdefault(name, value)
    if "exc_type" in noted:
        fields.setdefault("exc_type", noted["exc_type"])
        message = noted["message"]
        if str(fields["message"]).startswith(f"{message}\n"):
            fields["message"] = message
    placed: Collection[str] = noted["placed"]
    return placed


def timestamp(created: float) -> str:
    """Return seconds since the epoch in RFC 3339: UTC, milliseconds, ``Z``."""
    global _second
    begin, prefix = _second
    # Of the product, which is rounded: a time of whole milliseconds is often a bit less than them.
    milliseconds = created * 1000.0
    since = milliseconds - begin
    if not 0.0 <= since < 1000.0:
        second = milliseconds // 1000.0
        begin, prefix = second * 1000.0, strftime("%Y-%m-%dT%H:%M:%S", gmtime(second))
        _second = (begin, prefix)
        since = milliseconds - begin
    return prefix + _MILLISECONDS[int(since)]


def message_of(record: logging.LogRecord) -> str:
    """Return the message, without colours; arguments that do not fit it are shown beside it."""
    text = record.msg
    try:
        if type(text) is str and record.__class__ is _Record:  # as `getMessage` does
            text = text % record.args if record.args else text
        else:
            text = record.getMessage()
        # Werkzeug's development server colours its lines wherever they go (ECMA-48, SGR).
        return _without_colours("", text) if "\x1b" in text else text
    except any_failure() as error:
        return f"{text_of(record.msg)} (its arguments do not fit: {text_of(error)})"


def left_by_a_queue(record: logging.LogRecord, fields: Fields) -> str:
    """Return the traceback that a QueueHandler has moved into the message, if it has."""
    head = f"{fields['message']}\n"
    text = message_of(record) if "exc_type" in fields else ""
    return text.removeprefix(head) if text.startswith(head) else ""


def text_of(value: object) -> str:
    """Return the text of any value, be it one that has none."""
    try:
        return str(value)
    except any_failure() as error:
        return f"<{type(value).__name__}: {type(error).__name__} in its __str__>"
