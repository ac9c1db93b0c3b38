"""The names a log line owns, and the name that is left to a field which wants one of them."""

from __future__ import annotations

import logging
from collections.abc import Collection

LINE_NAMES = frozenset(
    {
        *("timestamp", "level", "logger", "module", "message", "pid"),
        *("request_id", "method", "path", "remote_addr", "trace_id", "span_id", "trace_flags"),
        *("exc_type", "exc_info"),
    }
)
"""What the contract puts on a line itself."""

RECORD_NAMES = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
"""What `logging` keeps on a record; setting one of these would break the record."""

ACCESS_NAMES = frozenset(
    {"status_code", "duration_ms", "ttfb_ms", "response_bytes", "user_agent", "outcome", "query_string"}
)
"""What the access line adds."""

FACTS = "_wsgi_observe_facts"
"""Where a record of our own has what stands in its ``extra`` attributes once more, together."""

RESERVED = LINE_NAMES | ACCESS_NAMES | RECORD_NAMES


def free_name(name: str, taken: Collection[str] = RESERVED) -> str:
    """Return `name`, prefixed with ``extra_`` for as long as it is taken.

    >>> free_name("path"), free_name("order_id")
    ('extra_path', 'order_id')
    """
    while name in taken:
        name = f"extra_{name}"
    return name
