"""Field names of the log line that are reserved, and the free name that another field gets."""

from __future__ import annotations

import logging
from collections.abc import Collection, Container, Set

LINE_NAMES = frozenset(
    {
        *("timestamp", "level", "logger", "module", "message", "pid"),
        *("request_id", "method", "path", "remote_addr", "trace_id", "span_id", "trace_flags"),
        *("exc_type", "exc_info", "error_id"),
    }
)
"""The fields of every line, of a request's line, and of an exception."""

ACCESS_NAMES = frozenset(
    {
        *("status_code", "duration_ms", "ttfb_ms", "response_bytes", "user_agent", "outcome"),
        *("query_string", "host", "referer", "request_bytes"),
    }
)
"""The fields that the access line adds."""

CALL_NAMES = frozenset(
    {"call_method", "call_host", "call_path", "call_status_code", "call_duration_ms"}
)
"""The fields of the line of an outgoing call; its request's have the names without the prefix."""

PART_NAMES = frozenset({"truncated", "continued_in", "continues", "part", "parts", "buffered"})
"""The fields of a record that is longer than a line, of its parts, and of one that was held."""

RECORD_NAMES = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
"""The attributes of a `logging.LogRecord`; setting one of these would break the record."""

RESERVED_NAMES = (
    LINE_NAMES | ACCESS_NAMES | CALL_NAMES | PART_NAMES | RECORD_NAMES | {"client_request_id"}
)
"""The names that no field of the app has on any line, so that one name has one type."""

OWN_FIELDS_ATTRIBUTE = "_wsgi_observe_facts"
"""The attribute of our own records with the fields that may have reserved names."""

CONTEXT_ATTRIBUTE = "_wsgi_observe_context"
"""The attribute with the attributes that `ContextFilter` has added to a record."""


def free_name(name: str, taken: Container[str] = RESERVED_NAMES) -> str:
    """Return `name`, prefixed with ``extra_`` as often as it is taken.

    >>> free_name("path"), free_name("order_id")
    ('extra_path', 'order_id')
    """
    while name in taken:
        name = f"extra_{name}"
    return name


def rename_taken(
    fields: dict[str, object], taken: Set[str], others: Collection[str] = ()
) -> dict[str, object]:
    """Return `fields`, each whose name is in `taken` as ``extra_<name>``.

    :param others: names of other fields of the line, which the new names differ from.

    >>> rename_taken({"path": 1, "order": 2}, {"path"})
    {'extra_path': 1, 'order': 2}
    """
    if taken.isdisjoint(fields):
        return fields
    used = {*taken, *fields, *others}
    return {free_name(name, used) if name in taken else name: it for name, it in fields.items()}
