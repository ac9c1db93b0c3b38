"""A record as a person reads it on a terminal."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from wsgi_observe.core.failures import is_echo, note_error
from wsgi_observe.logs.fields import LineFields, left_by_a_queue, text_of
from wsgi_observe.logs.redaction import Redaction
from wsgi_observe.logs.request_fields import Fields
from wsgi_observe.logs.trace import trace_of

# Told by the line's own columns, or by the message.
_TOLD = {
    *("timestamp", "level", "logger", "module", "message", "pid"),
    *("request_id", "method", "path", "exc_type", "status_code"),
}
# What is seldom looked for stands last, where a narrow terminal breaks the line.
_LAST = (
    "remote_addr",
    "ttfb_ms",
    "response_bytes",
    "user_agent",
    "trace_id",
    "span_id",
    "trace_flags",
)

_PLAIN = "\x1b[0m"
_DIM = "\x1b[2m"
_LEVELS = ((40, "\x1b[31m"), (30, "\x1b[33m"), (20, "\x1b[32m"), (0, _DIM))
_STATUSES = {"5": "\x1b[31m", "4": "\x1b[33m", "3": "\x1b[36m", "2": "\x1b[32m", "0": "\x1b[31m"}


class ConsoleFormatter(logging.Formatter):
    """Time, level, short request ID, logger, message; then the fields; the traceback below.

    :param static_fields: fields for every record; left out here, they are the same on each line.
    :param remote_addr: ``full``, ``truncated`` or ``off``.
    :param color: whether levels and statuses are coloured (ECMA-48).
    :param redact: whether secrets are taken out.
    :param redaction: ``redact_add`` and the like, as in `Settings`.
    """

    def __init__(
        self,
        *,
        static_fields: Mapping[str, object] | None = None,
        remote_addr: str = "full",
        color: bool = False,
        redact: bool = True,
        **redaction: Any,
    ) -> None:
        super().__init__()
        self._fields = LineFields(static_fields or {}, remote_addr)
        self._redaction = Redaction(redact, self._fields.static, **redaction)
        self._color = color

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and the traceback's lines where there is one."""
        note_error(record)
        fields = self._fields.of(record)
        # Indented, since an exception's own text may try to look like a line.
        text = self._redaction.text(record, self._traceback(record, fields))
        trace = ["    " + line for line in text.split("\n") if line]
        shown = self._redaction.line(record, fields)
        return "\n".join([self._line(record, shown), *map(_one_line, trace)])

    def _line(self, record: logging.LogRecord, fields: Fields) -> str:
        clock = str(fields["timestamp"])[11:23]
        # The last digits: those of a UUIDv7 differ, its first ones are the time.
        request_id = _one_line(str(fields.get("request_id", ""))[-8:])
        level = self._in(_color_of(record.levelno), _one_line(f"{record.levelname:<7}"))
        head = f"{self._in(_DIM, clock)} {level} {request_id:>8} {_one_line(record.name)}: "
        shown = "".join(
            f"  {self._in(_DIM, _one_line(name) + '=')}{_one_line(text_of(value))}"
            for name, value in self._shown(fields)
        )
        return f"{head} {self._message(fields)}{shown}"

    def _message(self, fields: Fields) -> str:
        message = _one_line(str(fields["message"]))
        status = str(fields.get("status_code", ""))
        if status and message.endswith(f" {status}"):
            return message.removesuffix(status) + self._in(_STATUSES.get(status[0], ""), status)
        return message

    def _shown(self, fields: Fields) -> list[tuple[str, object]]:
        message = str(fields["message"])
        told = _TOLD | self._fields.static.keys()
        if "status_code" in fields and not message.endswith(f" {text_of(fields['status_code'])}"):
            told = told - {"status_code"}
        shown = [(name, value) for name, value in fields.items() if name not in told]
        return sorted(shown, key=lambda pair: pair[0] in _LAST)

    def _in(self, color: str, text: str) -> str:
        return f"{color}{text}{_PLAIN}" if self._color and color else text

    def _traceback(self, record: logging.LogRecord, fields: Fields) -> str:
        error = record.exc_info[1] if record.exc_info else None
        if record.exc_info is None or error is None:
            return record.exc_text or left_by_a_queue(record, fields)
        return "" if is_echo(record) else trace_of(self, record.exc_info)


def _color_of(level: int) -> str:
    return next((color for least, color in _LEVELS if level >= least), _DIM)


def _one_line(text: str) -> str:
    """Return `text` with control characters escaped: a request's text may try to forge a line."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
