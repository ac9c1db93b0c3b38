"""What a line tells: the fields of a record, of its request, and what ``extra=`` has added."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping
from itertools import islice
from time import gmtime, strftime
from typing import Any

from wsgi_observe.core.context import ENDED, Scope, bound
from wsgi_observe.core.environ import add_request_fields
from wsgi_observe.core.listeners import on_request, tell_of
from wsgi_observe.core.names import FACTS, RECORD_NAMES, free_name
from wsgi_observe.core.peer import peer, stricter

Fields = dict[str, object]

_Record = logging.LogRecord

ABSENT = "-"
SOMETIMES_ABSENT = (
    *("request_id", "method", "path", "remote_addr"),
    *("trace_id", "span_id", "trace_flags"),
)

KEPT = "_wsgi_observe_fields"
"""Where a record has the line's fields, or their names and their values, whatever becomes of its
other attributes."""

_NO_EXTRAS = RECORD_NAMES | {KEPT, FACTS}
# What `logging` itself puts on a record comes first on it, and `extra=` behind.
FIRST_EXTRA = len(logging.makeLogRecord({}).__dict__)

# The milliseconds at which the second of the last timestamp began, and how that second is
# written: most lines fall into it too.
_second = (0.0, "1970-01-01T00:00:00")
_MILLISECONDS = [f".{number:03d}Z" for number in range(1000)]


def fields_of(
    record: logging.LogRecord,
    static: Mapping[str, object],
    remote_addr: str = "full",
    message: str | None = None,
) -> Fields:
    """Return the line's fields, which from now on are attributes of `record` too.

    They are taken once, when the first filter or formatter meets the record: the next one may
    meet it on another thread, or after the request.

    :param remote_addr: how much of the peer's address is told.
    :param message: what it says, for who has formatted it already: an argument's ``__str__`` may
        take long, or do something.
    """
    attributes = record.__dict__
    if KEPT in attributes:
        kept: Any = attributes[KEPT]
        return kept if isinstance(kept, dict) else dict(zip(*kept, strict=True))
    fields: Fields = {
        "timestamp": timestamp(record.created),
        "level": record.levelname,
        "logger": record.name,
        "module": record.module,
        "message": _said(record) if message is None else message,
        "pid": record.process or os.getpid(),
    }
    _add_context(fields, static, remote_addr)
    if record.exc_info and record.exc_info[0] is not None:
        fields["exc_type"] = record.exc_info[0].__name__
    if len(attributes) > FIRST_EXTRA:
        _add_extras(fields, attributes)
    attributes.update(fields)
    attributes[KEPT] = fields
    return fields


def _said(record: logging.LogRecord) -> str:
    message = record.msg
    if type(message) is not str or record.__class__ is not _Record:
        return message_of(record)
    try:
        return message % record.args if record.args else message  # as `getMessage` does
    except Exception:
        return message_of(record)


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
    """Return the message; arguments that do not fit it are shown beside it."""
    try:
        return record.getMessage()
    except Exception as error:
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
    except Exception as error:
        return f"<{type(value).__name__}: {type(error).__name__} in its __str__>"


def _add_context(fields: Fields, static: Mapping[str, object], remote_addr: str) -> None:
    """Add what a line has of its process and its request."""
    if static:
        fields.update(static)
    scope = bound()
    if scope is None or scope.environ is ENDED:
        return
    if scope.request_id is not None:
        fields["request_id"] = scope.request_id
    if scope.environ:
        add_request_fields(fields, scope.environ)
        if remote_addr != "full" or scope.remote_addr != "full":
            _shorten_peer(fields, stricter(remote_addr, scope.remote_addr))
    if scope.trace or on_request:
        fields.update(trace_of(scope) or {})
    if scope.fields is not None:
        for name, value in scope.fields.copy().items():
            fields[free_name(name, fields)] = value


def trace_of(scope: Scope) -> Mapping[str, str] | None:
    """Return what a request's lines tell of its trace; a tracer may have begun one just now."""
    if not scope.trace:
        tell_of(scope)
    return scope.trace


def _shorten_peer(fields: Fields, mode: str) -> None:
    shown = peer(str(fields.pop("remote_addr")), mode)
    if shown is not None:
        fields["remote_addr"] = shown


def _add_extras(fields: Fields, attributes: dict[str, Any]) -> None:
    first = FIRST_EXTRA
    if FACTS in attributes:  # names that are ours, so that none of them can be taken
        fields.update(attributes[FACTS])
        first += len(attributes[FACTS]) + 1
    unfit: list[object] | None = None
    for name, value in islice(attributes.items(), first, None):
        if name in fields or name.__class__ is not str:
            unfit = [*(unfit or ()), name]
        elif name not in _NO_EXTRAS:
            fields[name] = value
    if unfit is not None:
        _add_renamed(fields, unfit, attributes)


def _add_renamed(fields: Fields, names: Iterable[Any], attributes: Fields) -> None:
    """Add what ``extra=`` put on the record under a name that the line has itself, or no text."""
    for name in names:
        if name not in _NO_EXTRAS:
            fields[free_name(str(name), fields)] = attributes.pop(name)
