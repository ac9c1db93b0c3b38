"""Fields of a log record: message, timestamp, queued traceback, and those of ``extra=``."""

from __future__ import annotations

import logging
import re
from collections.abc import Container, Mapping
from itertools import islice
from time import gmtime, strftime
from typing import Any

from wsgi_observe.field_names import (
    CONTEXT_ATTRIBUTE,
    OWN_FIELDS_ATTRIBUTE,
    RECORD_NAMES,
    RESERVED_NAMES,
)
from wsgi_observe.wsgi.exceptions import any_failure

Fields = dict[str, object]

_Record = logging.LogRecord

_strip_colors = re.compile(r"\x1b\[[0-9;]*m").sub

_NOT_EXTRA = RECORD_NAMES | {OWN_FIELDS_ATTRIBUTE, CONTEXT_ATTRIBUTE}
# `logging` sets its own attributes first, and those of ``extra=`` after.
STANDARD_ATTRIBUTE_COUNT = len(logging.makeLogRecord({}).__dict__)

# The second of the last timestamp, in milliseconds and as text: most lines fall into it too.
_cached_second = (0.0, "1970-01-01T00:00:00")
_MILLISECOND_SUFFIXES = [f".{number:03d}Z" for number in range(1000)]


def format_timestamp(created: float) -> str:
    """Return seconds since the epoch in RFC 3339: UTC, milliseconds, ``Z``."""
    global _cached_second
    begin, prefix = _cached_second
    # The product is rounded: seconds of a whole millisecond are often a bit less than it.
    milliseconds = created * 1000.0
    elapsed = milliseconds - begin
    if not 0.0 <= elapsed < 1000.0:
        second = milliseconds // 1000.0
        begin, prefix = second * 1000.0, strftime("%Y-%m-%dT%H:%M:%S", gmtime(second))
        _cached_second = (begin, prefix)
        elapsed = milliseconds - begin
    return prefix + _MILLISECOND_SUFFIXES[int(elapsed)]


def format_message(record: logging.LogRecord) -> str:
    """Return the message, without colours; if its arguments do not fit, with the error."""
    text = record.msg
    try:
        if type(text) is str and record.__class__ is _Record:  # as `getMessage` does
            text = text % record.args if record.args else text
        else:
            text = record.getMessage()
        # Werkzeug's development server colours its lines (ECMA-48, SGR), also in a pipe.
        return _strip_colors("", text) if "\x1b" in text else text
    except any_failure() as error:
        return f"{safe_str(record.msg)} (its arguments do not fit: {safe_str(error)})"


def safe_str(value: object) -> str:
    """Return ``str(value)``, or a placeholder if that raises."""
    try:
        return str(value)
    except any_failure() as error:
        return f"<{type(value).__name__}: {type(error).__name__} in its __str__>"


def split_traceback(attributes: Mapping[str, Any], message: str) -> tuple[str, str]:
    """Return message and traceback of a record whose message a `QueueHandler` has put both into.

    :param attributes: those of the record, on which a `ContextFilter` has recorded the message.
    """
    own: str | None = attributes.get(CONTEXT_ATTRIBUTE, {}).get("message")
    if own is not None and message.startswith(f"{own}\n"):
        return own, message[len(own) + 1 :]
    return message, ""


def extra_fields(
    record: logging.LogRecord, static: Container[str], request: Container[str]
) -> Fields:
    """Return the fields of ``extra=``; one whose name is taken becomes ``extra_<name>``.

    :param static: names on every line, and `request`: names in the request's part of this one.
    """
    attributes = record.__dict__
    fields: Fields = {}
    not_extra: Container[str] = _NOT_EXTRA
    if OWN_FIELDS_ATTRIBUTE in attributes or CONTEXT_ATTRIBUTE in attributes:
        fields.update(attributes.get(OWN_FIELDS_ATTRIBUTE, ()))
        record_context = attributes.get(CONTEXT_ATTRIBUTE, {})
        not_extra = _NOT_EXTRA.union(fields, record_context.get("placed", ()))
        for name, value in record_context.get("own", {}).items():
            if name not in static and name not in request:
                fields.setdefault(name, value)
    # A class of the user's may set its attributes before those of `logging`.
    first = STANDARD_ATTRIBUTE_COUNT if record.__class__ is _Record else 0
    for name, value in islice(attributes.items(), first, None):
        if name in not_extra:
            continue
        free = name if name.__class__ is str else str(name)
        while free in RESERVED_NAMES or free in static or free in request or free in fields:
            free = f"extra_{free}"
        fields[free] = value
    return fields
