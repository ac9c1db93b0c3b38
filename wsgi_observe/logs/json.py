"""A record as one line of strict JSON."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from pythonjsonlogger.core import BaseJsonFormatter

from wsgi_observe.core.failures import is_logged
from wsgi_observe.logs.fields import Fields, fields_of, left_by_a_queue, text_of

_ERRORS = "wsgi_observe.errors"


class JsonFormatter(BaseJsonFormatter):
    """The contract's schema on python-json-logger's base class.

    Its options for renaming are kept; ``format`` is written anew, since a record that cannot be
    encoded must still leave a line, and since the line is on every request's path.

    :param static_fields: fields for every line.
    :param rename_fields: the contract's name to your own.
    """

    def __init__(
        self,
        *,
        static_fields: Mapping[str, object] | None = None,
        rename_fields: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(
            static_fields=dict(static_fields or {}), rename_fields=dict(rename_fields or {})
        )

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its newline."""
        line = self._line(record)
        if self.rename_fields:
            line = {self.rename_fields.get(name, name): value for name, value in line.items()}
        try:
            text = _encoder.encode(line)
        except (TypeError, ValueError, RecursionError):
            text = _encoder.encode({name: _plain(value) for name, value in line.items()})
        # A lone surrogate (a file's name may have one) is nothing that UTF-8 can say.
        return text if text.isascii() else text.encode("utf-8", "replace").decode()

    def _line(self, record: logging.LogRecord) -> Fields:
        line = fields_of(record, self.static_fields)
        if record.exc_info or record.exc_text or record.stack_info or "exc_type" in line:
            line = line | self._trace(record, line)
        return line

    def _trace(self, record: logging.LogRecord, line: Fields) -> Fields:
        trace: Fields = {}
        if record.exc_info and record.exc_info[1] is not None:
            if is_logged(record.exc_info[1]) and record.name != _ERRORS:
                # The server reports what our own ERROR line has told: one failure, one ERROR.
                trace["level"] = "INFO"
            else:
                trace["exc_info"] = self.formatException(record.exc_info)
        elif text := record.exc_text or left_by_a_queue(record, line):
            trace["exc_info"] = text
        if record.stack_info:
            trace["stack_info"] = record.stack_info
        return trace


_encoder = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=text_of
)


def _plain(value: Any) -> Any:
    """Return `value` if JSON takes it (no NaN, no cycle, no tuple for a key), else its text."""
    try:
        _encoder.encode(value)
    except (TypeError, ValueError, RecursionError):
        return text_of(value)
    return value
