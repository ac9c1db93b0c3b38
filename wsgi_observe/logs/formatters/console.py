"""Console formatter: a record as a person reads it on a terminal."""

from __future__ import annotations

import logging
from typing import Any

from wsgi_observe.logs.fields import Fields, safe_str
from wsgi_observe.logs.line import LineMaker

# In the columns of the line, or in the message.
_COLUMN_FIELDS = {
    *("timestamp", "level", "logger", "module", "message", "pid"),
    *("request_id", "method", "path", "exc_type", "status_code"),
}
# Seldom needed: at the end, where a narrow terminal wraps the line.
_TRAILING_FIELDS = (
    "remote_addr",
    "ttfb_ms",
    "response_bytes",
    "user_agent",
    "trace_id",
    "span_id",
    "trace_flags",
)

_RESET = "\x1b[0m"
_DIM = "\x1b[2m"
_LEVEL_COLORS = ((40, "\x1b[31m"), (30, "\x1b[33m"), (20, "\x1b[32m"), (0, _DIM))
_STATUS_COLORS = {
    "5": "\x1b[31m",
    "4": "\x1b[33m",
    "3": "\x1b[36m",
    "2": "\x1b[32m",
    "0": "\x1b[31m",
}


class ConsoleFormatter(logging.Formatter):
    """Time, level, short request ID, logger, message; then the fields; the traceback below.

    :param color: whether levels and statuses are coloured (ECMA-48).
    :param options: ``static_fields``, which are the same on each line and left out here,
        ``remote_addr`` and the settings ``redact…``, as in `Settings`.
    """

    def __init__(self, *, color: bool = False, **options: Any) -> None:
        super().__init__()
        self._maker = LineMaker(self, **options)
        self._color = color

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and the traceback's lines where there is one."""
        line = self._maker.from_record(record)
        # Indented, since an exception's own text may try to look like a line.
        trace = ["    " + text for text in line.traceback.split("\n") if text]
        fields = self._maker.fields(line)
        return "\n".join([self._format_line(record, fields), *map(_escape, trace)])

    def _format_line(self, record: logging.LogRecord, fields: Fields) -> str:
        clock = str(fields["timestamp"])[11:23]
        # The last digits: those of a UUIDv7 differ, its first ones are the time.
        request_id = _escape(str(fields.get("request_id", ""))[-8:])
        level = self._colorize(_get_level_color(record.levelno), _escape(f"{record.levelname:<7}"))
        head = f"{self._colorize(_DIM, clock)} {level} {request_id:>8} {_escape(record.name)}: "
        shown = "".join(
            f"  {self._colorize(_DIM, _escape(name) + '=')}{_escape(safe_str(value))}"
            for name, value in self._select_fields(fields)
        )
        return f"{head} {self._format_message(fields)}{shown}"

    def _format_message(self, fields: Fields) -> str:
        message = _escape(str(fields["message"]))
        status = str(fields.get("status_code", ""))
        if status and message.endswith(f" {status}"):
            return message.removesuffix(status) + self._colorize(
                _STATUS_COLORS.get(status[0], ""), status
            )
        return message

    def _select_fields(self, fields: Fields) -> list[tuple[str, object]]:
        message = str(fields["message"])
        hidden = _COLUMN_FIELDS | self._maker.static.keys()
        if "status_code" in fields and not message.endswith(f" {safe_str(fields['status_code'])}"):
            hidden = hidden - {"status_code"}
        shown = [(name, value) for name, value in fields.items() if name not in hidden]
        return sorted(shown, key=lambda pair: pair[0] in _TRAILING_FIELDS)

    def _colorize(self, color: str, text: str) -> str:
        return f"{color}{text}{_RESET}" if self._color and color else text


def _get_level_color(level: int) -> str:
    return next((color for least, color in _LEVEL_COLORS if level >= least), _DIM)


def _escape(text: str) -> str:
    """Return `text` with control characters escaped: a request's text may try to forge a line."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
