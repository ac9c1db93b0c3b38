"""Console formatter: a record as a person reads it on a terminal."""

from __future__ import annotations

import logging
from typing import Any

from wsgi_observe.logs.fields import format_timestamp, safe_str
from wsgi_observe.logs.formatters.tracebacks import format_traceback
from wsgi_observe.logs.line import Line, LineMaker

# In the columns of the line, or in the message.
_COLUMN_FIELDS = frozenset(
    {
        *("timestamp", "level", "logger", "module", "message", "pid"),
        *("request_id", "method", "path", "exc_type"),
    }
)
# The same on each line of a request: on its access line alone.
_ADDRESS_FIELDS = ("remote_addr", "trace_id", "span_id", "trace_flags")
# Seldom needed: at the end, where a narrow terminal wraps the line.
_TRAILING_FIELDS = ("ttfb_ms", *_ADDRESS_FIELDS, "user_agent")

_ACCESS_LOGGER = "wsgi_observe.access"
_ACCESS_FIELDS = frozenset({"status_code", "duration_ms", "response_bytes", "outcome"})

_RESET, _DIM = "\x1b[0m", "\x1b[2m"
_RED, _GREEN, _YELLOW, _CYAN = (f"\x1b[{number}m" for number in (31, 32, 33, 36))
_LEVEL_COLORS = ((40, _RED), (30, _YELLOW), (20, _GREEN), (0, _DIM))
_STATUS_COLORS = {"5": _RED, "4": _YELLOW, "3": _CYAN, "2": _GREEN, "0": _RED}


class ConsoleFormatter(logging.Formatter):
    """Time, level, short request ID, logger, message; then the fields; the traceback below.

    Fields that each line of a request has are on the first one after they were bound; the client's
    address is on the access line.

    :param color: whether levels and statuses are coloured (ECMA-48).
    :param options: ``static_fields``, which are the same on each line and left out here,
        ``remote_addr`` and the settings ``redact…``, as in `Settings`.
    """

    def __init__(self, *, color: bool = False, **options: Any) -> None:
        super().__init__()
        self._maker = LineMaker(format_exc_info=self.formatException, **options)
        self._color = color

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and the traceback's lines where there is one."""
        line = self._maker.from_record(record)
        # Indented, since an exception's own text may try to look like a line.
        trace = ["    " + text for text in line.traceback.split("\n") if text]
        return "\n".join([self._format_line(line, record.levelno), *map(_escape, trace)])

    def formatException(self, ei: Any) -> str:
        """Return the traceback below a line."""
        return format_traceback(ei)

    def _format_line(self, line: Line, level: int) -> str:
        clock = format_timestamp(line.created)[11:23]
        # The last digits: those of a UUIDv7 differ, its first ones are the time.
        request_id = line.own.get("request_id") or line.request.fields.get("request_id", "")
        shown_id = _escape(str(request_id)[-8:])
        name = self._colorize(_get_level_color(level), _escape(f"{line.level:<7}"))
        head = f"{self._colorize(_DIM, clock)} {name} {shown_id:>8} {_escape(line.logger)}:"
        is_access_line = line.logger == _ACCESS_LOGGER and line.own.keys() >= _ACCESS_FIELDS
        text = self._format_access(line) if is_access_line else _escape(line.message)
        shown = "".join(
            f"  {self._colorize(_DIM, _escape(name) + '=')}{_escape(safe_str(value))}"
            for name, value in self._select_fields(line, is_access_line)
        )
        return f"{head} {text}{shown}"

    def _format_access(self, line: Line) -> str:
        """Return an access line's message: ``GET /orders 200 in 2.5 ms, 145 B``."""
        own, message, status = line.own, _escape(line.message), str(line.own["status_code"])
        if message.endswith(f" {status}"):
            color = _STATUS_COLORS.get(status[0], "")
            message = f"{message.removesuffix(status)}{self._colorize(color, status)}"
        outcome = "" if own["outcome"] == "complete" else f", {own['outcome']}"
        return f"{message} in {own['duration_ms']:.1f} ms, {own['response_bytes']} B{outcome}"

    def _select_fields(self, line: Line, is_access_line: bool) -> list[tuple[str, object]]:
        """Return the fields to show; those of the request on one of its lines alone."""
        request = line.request
        fields = {} if request.is_shown and not is_access_line else request.fields
        hidden = _COLUMN_FIELDS.union(_ACCESS_FIELDS if is_access_line else _ADDRESS_FIELDS)
        if request.is_shown:
            fields = {name: fields[name] for name in _ADDRESS_FIELDS if name in fields}
        request.is_shown = True
        shown = [item for item in {**fields, **line.own}.items() if item[0] not in hidden]
        return sorted(shown, key=lambda item: item[0] in _TRAILING_FIELDS)

    def _colorize(self, color: str, text: str) -> str:
        return f"{color}{text}{_RESET}" if self._color and color else text


def _get_level_color(level: int) -> str:
    return next((color for least, color in _LEVEL_COLORS if level >= least), _DIM)


def _escape(text: str) -> str:
    """Return `text` with control characters escaped: a request's text may try to forge a line."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
