"""What a log line takes from its record: message, time, traceback, and the fields of ``extra=``."""

from __future__ import annotations

import logging
import re
from collections.abc import Container, Mapping
from itertools import islice
from time import gmtime, strftime
from typing import Any

from wsgi_observe.field_names import CONTEXT, FACTS, RECORD_NAMES, RESERVED
from wsgi_observe.wsgi.exceptions import any_failure

Fields = dict[str, object]

_Record = logging.LogRecord

_without_colours = re.compile(r"\x1b\[[0-9;]*m").sub

_NOT_EXTRA = RECORD_NAMES | {FACTS, CONTEXT}
# What `logging` itself puts on a record comes first on it, and `extra=` behind.
FIRST_EXTRA = len(logging.makeLogRecord({}).__dict__)

# The milliseconds at which the second of the last timestamp began, and how that second is
# written: most lines fall into it too.
_second = (0.0, "1970-01-01T00:00:00")
_MILLISECONDS = [f".{number:03d}Z" for number in range(1000)]


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


def text_of(value: object) -> str:
    """Return the text of any value, be it one that has none."""
    try:
        return str(value)
    except any_failure() as error:
        return f"<{type(value).__name__}: {type(error).__name__} in its __str__>"


def split_traceback(attributes: Mapping[str, Any], message: str) -> tuple[str, str]:
    """Return message and traceback of a record whose traceback a `QueueHandler` put into it.

    :param attributes: those of the record, on which a `ContextFilter` has noted the message.
    """
    noted = attributes.get(CONTEXT, {})
    own: str = noted.get("message", message)
    if "exc_type" in noted and message.startswith(f"{own}\n"):
        return own, message[len(own) + 1 :]
    return message, ""


def extra_fields(
    attributes: Mapping[str, Any], static: Container[str], request: Container[str]
) -> Fields:
    """Return the fields of ``extra=``; one whose name is taken becomes ``extra_<name>``.

    :param static: names on every line, and `request`: names in the request's part of this one.
    """
    facts = attributes.get(FACTS, {})
    noted = attributes.get(CONTEXT, {})
    not_extra = _NOT_EXTRA.union(facts, noted.get("placed", ())) if facts or noted else _NOT_EXTRA
    fields: Fields = dict(facts)
    for name, value in noted.get("static", {}).items():
        if name not in static and name not in request:
            fields.setdefault(name, value)
    if "exc_type" in noted:
        fields.setdefault("exc_type", noted["exc_type"])
    for name, value in islice(attributes.items(), FIRST_EXTRA, None):
        if name in not_extra:
            continue
        free = name if name.__class__ is str else str(name)
        while free in RESERVED or free in static or free in request or free in fields:
            free = f"extra_{free}"
        fields[free] = value
    return fields
