"""Console formatter: a record as a person reads it on a terminal."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from wsgi_observe._loggers import ACCESS_LOGGER
from wsgi_observe.logs.fields import safe_str
from wsgi_observe.logs.formatters.tracebacks import format_traceback
from wsgi_observe.logs.formatters.truncation import escape_control_characters as _escape
from wsgi_observe.logs.line import LineMaker

# In the columns of the line, or in the message.
_COLUMN_FIELDS = {
    *("timestamp", "level", "logger", "module", "message", "pid"),
    *("request_id", "method", "path", "exc_type"),
    *("stack", "stack_info"),  # below the line
}
# The same on each line of a request: on its access line alone.
_ADDRESS_FIELDS = {"remote_addr", "trace_id", "span_id", "trace_flags"}
# In the sentence of an access line.
_ACCESS_FIELDS = {"status_code", "duration_ms", "response_bytes", "outcome"}
# Seldom needed: at the end, where a narrow terminal wraps the line.
_TRAILING_FIELDS = {"ttfb_ms", "user_agent", *_ADDRESS_FIELDS}


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
        self._layout = ConsoleLayout(color=color, hidden=self._maker.static)

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and the traceback's lines where there is one."""
        line = self._maker.from_record(record)
        fields, request = self._maker.fields(line), line.request
        if request.is_shown:
            for name in request.fields.keys() - line.own.keys() - _ADDRESS_FIELDS - _COLUMN_FIELDS:
                del fields[name]
        request.is_shown = True
        traceback = str(fields.pop("exc_info", ""))
        return self._layout.format(fields, record.levelno, traceback)

    def formatException(self, ei: Any) -> str:
        """Return the traceback below a line."""
        return format_traceback(ei)


class ConsoleLayout:
    """Lay out the fields of a line as text for a terminal.

    :param hidden: names of fields that are left out, besides those in the columns.
    """

    def __init__(self, *, color: bool = False, hidden: Iterable[str] = ()) -> None:
        self._color = color
        self._hidden_on_access_lines = _COLUMN_FIELDS.union(hidden, _ACCESS_FIELDS)
        self._hidden = _COLUMN_FIELDS.union(hidden, _ADDRESS_FIELDS)
        self._dim, self._reset = (_DIM, _RESET) if color else ("", "")

    def format(self, fields: Mapping[str, Any], levelno: int, traceback: str = "") -> str:
        """Return the line, and the traceback's lines where there is one."""
        line = self._format_line(fields, levelno)
        below = traceback
        for name in ("stack", "stack_info"):
            if name in fields:
                below += f"\n{safe_str(fields[name])}"
        if not below:
            return line
        # Indented, since an exception's own text may try to look like a line.
        trace = ["    " + text for text in below.split("\n") if text]
        return "\n".join([line, *map(_escape, trace)])

    def _format_line(self, fields: Mapping[str, Any], levelno: int) -> str:
        # The last digits: those of a UUIDv7 differ, its first ones are the time.
        request_id = str(fields.get("request_id", ""))[-8:]
        clock, level = str(fields["timestamp"])[11:23], f"{fields['level']:<7}"
        is_access_line = fields["logger"] == ACCESS_LOGGER and _has_access_fields(fields)
        message = str(fields["message"])
        head = [clock, level, f"{request_id:>8}", str(fields["logger"]), message]
        names, values = self._select_fields(fields, is_access_line)
        if not "".join((*head, *names, *values)).isprintable():
            head, names, values = (list(map(_escape, texts)) for texts in (head, names, values))
        clock, level, request_id, logger, message = head
        dim, reset = self._dim, self._reset
        if self._color:
            level = f"{_get_level_color(levelno)}{level}{_RESET}"
        if is_access_line:
            message = _format_access(message, fields, self._color)
        pairs = zip(names, values, strict=True)
        shown = "".join([f"  {dim}{name}={reset}{value}" for name, value in pairs])
        return f"{dim}{clock}{reset} {level} {request_id} {logger}: {message}{shown}"

    def _select_fields(
        self, fields: Mapping[str, Any], is_access_line: bool
    ) -> tuple[list[str], list[str]]:
        """Return the names and texts of the fields that are shown behind the message."""
        hidden = self._hidden_on_access_lines if is_access_line else self._hidden
        names: list[str] = []
        last: list[str] = []
        for name in fields:
            if name not in hidden:
                (last if name in _TRAILING_FIELDS else names).append(name)
        names += last
        values = (fields[name] for name in names)
        return names, [one if one.__class__ is str else safe_str(one) for one in values]


def _has_access_fields(fields: Mapping[str, Any]) -> bool:
    """Return whether a line has what its sentence needs; one from a file may have anything."""
    return fields.keys() >= _ACCESS_FIELDS and isinstance(fields["duration_ms"], (int, float))


def _format_access(message: str, fields: Mapping[str, Any], color: bool) -> str:
    """Return an access line's sentence: ``GET /orders 200 in 2.5 ms, 145 B``."""
    status, size, outcome = (
        _escape(safe_str(fields[name])) for name in ("status_code", "response_bytes", "outcome")
    )
    status_color = _STATUS_COLORS.get(status[:1], "") if color else ""
    if status_color and message.endswith(f" {status}"):
        message = f"{message.removesuffix(status)}{status_color}{status}{_RESET}"
    end = "" if outcome == "complete" else f", {outcome}"
    return f"{message} in {fields['duration_ms']:.1f} ms, {size} B{end}"


def _get_level_color(level: int) -> str:
    return next((color for least, color in _LEVEL_COLORS if level >= least), _DIM)
