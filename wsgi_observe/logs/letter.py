"""A record as a mail: a subject that is found by its request, and a body without secrets."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from wsgi_observe.logs.cut import in_utf8
from wsgi_observe.logs.fields import LineFields, left_by_a_queue, text_of
from wsgi_observe.logs.redaction import Redaction
from wsgi_observe.logs.request_fields import Fields
from wsgi_observe.logs.smtp import Mail
from wsgi_observe.logs.trace import trace_of

_LONGEST_SUBJECT = 150
_LONGEST_BODY = 256 * 1024


class Letters:
    """Makes mails of records.

    :param redaction: ``redact_add``, ``redact_keep`` and ``redact_patterns``, as in `Settings`.
    """

    def __init__(
        self, static_fields: Mapping[str, object], remote_addr: str, **redaction: Any
    ) -> None:
        self._redaction = Redaction(True, static_fields, redact_personal=True, **redaction)
        self._fields = LineFields(self._redaction.static(static_fields), remote_addr)
        self._formatter = logging.Formatter()

    def write(self, record: logging.LogRecord) -> Mail:
        """Return the mail; to be called where the request still runs."""
        fields = self._fields.of(record)
        shown = {
            name: self._redaction.text(record, text_of(value))
            for name, value in self._redaction.line(record, fields).items()
        }
        trace = self._redaction.text(record, self._trace(record, fields))
        lines = [f"{name}: {_one_line(value)}" for name, value in shown.items()]
        body = "\n".join([_one_line(shown["message"]), "", *lines, "", trace])
        return Mail(_subject(shown), in_utf8(body[:_LONGEST_BODY]))

    def _trace(self, record: logging.LogRecord, fields: Fields) -> str:
        if record.exc_info and record.exc_info[1] is not None:
            return trace_of(self._formatter, record.exc_info)
        return record.exc_text or left_by_a_queue(record, fields)


def _subject(fields: Mapping[str, str]) -> str:
    """Return level, route, what happened and the request ID, in one line (RFC 5322)."""
    place = " ".join(fields[one] for one in ("service", "level") if one in fields)
    path = fields.get("route", fields.get("path", ""))
    request = f"{fields['method']} {path}: " if "method" in fields else ""
    what = fields.get("exc_type", fields["message"])
    text = _one_line(f"[{place}] {request}{what}")[:_LONGEST_SUBJECT]
    request_id = fields.get("request_id", "")
    return in_utf8(f"{text} ({_one_line(request_id)})" if request_id else text)


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)
