"""A record as a person reads it on a terminal."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from wsgi_observe.core.failures import is_logged
from wsgi_observe.logs.fields import Fields, fields_of, left_by_a_queue, text_of

# Told by the line's own columns, or by the message.
_TOLD = {
    *("timestamp", "level", "logger", "module", "message", "pid"),
    *("request_id", "method", "path", "exc_type"),
}


class ConsoleFormatter(logging.Formatter):
    """Time, level, short request ID, logger, message; then the fields; the traceback below.

    :param static_fields: fields for every record; left out here, they are the same on each line.
    """

    def __init__(self, *, static_fields: Mapping[str, object] | None = None) -> None:
        super().__init__()
        self._static = static_fields or {}

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and the traceback's lines where there is one."""
        fields = fields_of(record, self._static)
        told = _TOLD | self._static.keys()
        shown = {name: value for name, value in fields.items() if name not in told}
        clock = str(fields["timestamp"])[11:23]
        # The last digits: those of a UUIDv7 differ, its first ones are the time.
        request_id = str(fields.get("request_id", ""))[-8:]
        line = " ".join(
            [
                f"{clock} {record.levelname:<7} {request_id:>8} {record.name}: ",
                str(fields["message"]),
                *(f" {name}={text_of(value)}" for name, value in shown.items()),
            ]
        )
        # Indented, since an exception's own text may try to look like a line.
        trace = ["    " + text for text in self._traceback(record, fields).split("\n") if text]
        return "\n".join(_one_line(text) for text in [line, *trace])

    def _traceback(self, record: logging.LogRecord, fields: Fields) -> str:
        error = record.exc_info[1] if record.exc_info else None
        if record.exc_info is None or error is None:
            return record.exc_text or left_by_a_queue(record, fields)
        return "" if is_logged(error) else self.formatException(record.exc_info)


def _one_line(text: str) -> str:
    """Return `text` with control characters escaped: a request's text may try to forge a line."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
