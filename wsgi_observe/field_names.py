"""The names of the log line's own fields, and the name that another field gets instead."""

from __future__ import annotations

import logging
from collections.abc import Container

LINE_NAMES = frozenset(
    {
        *("timestamp", "level", "logger", "module", "message", "pid"),
        *("request_id", "method", "path", "remote_addr", "trace_id", "span_id", "trace_flags"),
        *("exc_type", "exc_info", "error_id"),
    }
)
"""What the contract puts on a line itself."""

ACCESS_NAMES = frozenset(
    {
        *("status_code", "duration_ms", "ttfb_ms", "response_bytes", "user_agent", "outcome"),
        *("query_string", "host", "referer", "request_bytes"),
    }
)
"""What the access line adds."""

PART_NAMES = frozenset({"truncated", "continued_in", "continues", "part", "parts"})
"""What a record that is longer than a line adds."""

RECORD_NAMES = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
"""The attributes of `logging` itself; setting one of these would break the record."""

RESERVED_NAMES = LINE_NAMES | ACCESS_NAMES | PART_NAMES | RECORD_NAMES | {"client_request_id"}
"""The names that no field of the app's has on any line, so that one name has one type."""

OWN_FIELDS_ATTRIBUTE = "_wsgi_observe_facts"
"""The attribute of a record of our own with the fields that may have reserved names."""

CONTEXT_ATTRIBUTE = "_wsgi_observe_context"
"""The attribute in which `ContextFilter` notes what it has added to a record."""


def free_name(name: str, taken: Container[str] = RESERVED_NAMES) -> str:
    """Return `name`, prefixed with ``extra_`` for as long as it is taken.

    >>> free_name("path"), free_name("order_id")
    ('extra_path', 'order_id')
    """
    while name in taken:
        name = f"extra_{name}"
    return name
