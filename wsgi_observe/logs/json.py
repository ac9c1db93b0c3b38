"""A record as one line of strict JSON."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from pythonjsonlogger.core import BaseJsonFormatter

from wsgi_observe.core.failures import is_echo, note_error
from wsgi_observe.core.names import free_name
from wsgi_observe.logs import encoding
from wsgi_observe.logs.access_text import AccessText
from wsgi_observe.logs.encoding import Encode
from wsgi_observe.logs.fields import LineFields, left_by_a_queue, message_of
from wsgi_observe.logs.parts import split
from wsgi_observe.logs.record_text import RecordText
from wsgi_observe.logs.redaction import Redaction
from wsgi_observe.logs.request_fields import Fields
from wsgi_observe.logs.trace import trace_of


class JsonFormatter(BaseJsonFormatter):
    """The contract's schema on python-json-logger's base class.

    Its options for renaming are kept; ``format`` is written anew, since a record that cannot be
    encoded must still leave a line, and since the line is on every request's path.

    :param static_fields: fields for every line.
    :param rename_fields: the contract's name to your own; another field that has such a name of
        your own becomes ``extra_<name>``.
    :param encoder: ``json`` or ``orjson``.
    :param max_line_bytes: what `lines` keeps each line within.
    :param remote_addr: ``full``, ``truncated`` or ``off``.
    :param redact: whether secrets are taken out.
    :param redaction: ``redact_add`` and the like, as in `Settings`.
    """

    def __init__(
        self,
        *,
        static_fields: Mapping[str, object] | None = None,
        rename_fields: Mapping[str, str] | None = None,
        encoder: str = "json",
        max_line_bytes: int = 4096,
        remote_addr: str = "full",
        redact: bool = True,
        **redaction: Any,
    ) -> None:
        given = {free_name(name): value for name, value in (static_fields or {}).items()}
        self._redaction = Redaction(redact, given, **redaction)
        self._fields = LineFields(self._redaction.static(given), remote_addr)
        super().__init__(
            static_fields=dict(self._fields.static), rename_fields=dict(rename_fields or {})
        )
        self._new_names = _new_names(self.rename_fields)
        self._encode = _renaming(_encoder(encoder), self.rename_fields)
        self._longest = max_line_bytes
        # What new names add to a line that was cut before it got them.
        self._added = sum(max(0, len(new) - len(old)) for old, new in self.rename_fields.items())
        self.access_text, self._record_text = self._texts()

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line however long, without its newline."""
        note_error(record)
        return self._encode(self._line(record, message_of(record))).decode()

    def lines(self, record: logging.LogRecord) -> list[bytes]:
        """Return the record as lines none of which is too long for a pipe to keep it whole."""
        message = message_of(record)
        if record.levelno == logging.INFO or not self._is_demoted(record):  # as nearly all are
            text = None if self._record_text is None else self._record_text.of(record, message)
            if text is not None:
                return [text]
        line = self._line(record, message)
        data = self._encode(line)
        if len(data) < self._longest:
            return [data + b"\n"]
        return split(line, self._longest - self._added, self._encode, self._fields.static)

    def _is_demoted(self, record: logging.LogRecord) -> bool:
        """Take note of an ERROR; return whether it leaves as INFO, since it only repeats one."""
        note_error(record)
        return (record.levelno or 0) >= logging.ERROR and is_echo(record)

    def _texts(self) -> tuple[AccessText | None, RecordText | None]:
        """Return what makes lines as text, if their form is the contract's own."""
        if type(self) is not JsonFormatter or self.rename_fields:
            return None, None
        mode = self._fields.remote_addr
        options = self._fields.static, self._encode, self._redaction, self._longest, mode
        glance = self._redaction.glance_at_whole if mode == "full" else None
        return AccessText(*options), None if glance is None else RecordText(glance, *options)

    def _line(self, record: logging.LogRecord, message: str) -> Fields:
        fields = self._fields.of(record, message)
        line = self._redaction.line(record, fields)
        if record.exc_info or record.exc_text or record.stack_info or "exc_type" in line:
            line = line | self._trace(record, fields)
        elif (record.levelno or 0) >= logging.ERROR and is_echo(record):
            line = {**line, "level": "INFO"}
        if self._new_names.isdisjoint(line):
            return line
        taken = self._new_names | line.keys()
        return {
            free_name(f"extra_{name}", taken) if name in self._new_names else name: value
            for name, value in line.items()
        }

    def _trace(self, record: logging.LogRecord, fields: Fields) -> Fields:
        trace: Fields = {}
        if record.exc_info and record.exc_info[1] is not None:
            if is_echo(record):  # one failure is one ERROR
                trace["level"] = "INFO"
            else:
                trace["exc_info"] = self._redaction.text(record, trace_of(self, record.exc_info))
        elif text := record.exc_text or left_by_a_queue(record, fields):
            trace["exc_info"] = self._redaction.text(record, text)
        if record.stack_info:
            trace["stack_info"] = self._redaction.text(record, record.stack_info)
        return trace


def _encoder(name: str) -> Encode:
    if name == "json":
        return encoding.encode
    # Only when it is asked for: it is an extra.
    made: Encode = import_module("wsgi_observe.logs.orjson").encode
    return made


def _new_names(renamed: Mapping[str, str]) -> frozenset[str]:
    """Return the names that fields get by renaming, where no field is renamed away from them."""
    for name in renamed.values():
        if list(renamed.values()).count(name) > 1:
            raise ValueError(f"rename_fields must give each field a name of its own, got {renamed}")
    return frozenset(renamed.values()) - renamed.keys()


def _renaming(encode: Encode, names: Mapping[str, str]) -> Encode:
    if not names:
        return encode
    return lambda line: encode({names.get(name, name): value for name, value in line.items()})
