"""A log line in parts, the same for every formatter: head, request part, own fields, traceback."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from typing import Any

from wsgi_observe.context import get_attached_request_id
from wsgi_observe.field_names import OWN_FIELDS_ATTRIBUTE, free_name
from wsgi_observe.logs.error_reports import is_duplicate_report, register_error
from wsgi_observe.logs.fields import (
    STANDARD_ATTRIBUTE_COUNT,
    Fields,
    extra_fields,
    format_message,
    format_timestamp,
    split_traceback,
)
from wsgi_observe.logs.formatters.tracebacks import format_exception
from wsgi_observe.logs.line_redaction import LineRedaction
from wsgi_observe.logs.request_part import RequestPart, RequestParts
from wsgi_observe.redaction import Budget


class Line:
    """The parts of one line, without secrets.

    :ivar own: the fields that only this line has, ``exc_type`` and ``truncated`` included.
    :ivar traceback: of its exception, or empty; and `stack`, of ``stack_info``.
    """

    __slots__ = ("level", "message", "own", "request", "stack", "traceback")

    level: str
    message: str
    request: RequestPart
    own: Fields
    stack: str
    traceback: str


_ACCESS = "wsgi_observe.access"


class LineMaker:
    """Make the parts of lines by the settings of one formatter; leave their records as they are.

    An ERROR that repeats one which the log has already becomes INFO, without its traceback.

    :param static_fields: fields of every line; one with a reserved name becomes ``extra_<name>``.
    :param remote_addr: how much of the client's address is shown.
    :param redact: whether secrets are removed.
    :param taken: further names that no field of an app may have.
    :param encode: makes of a request's fields what `RequestPart.data` is.
    :param redaction: the settings ``redact_…``, as `Settings` has them.
    """

    def __init__(
        self,
        formatter: logging.Formatter,
        *,
        static_fields: Mapping[str, object] | None = None,
        remote_addr: str = "full",
        redact: bool = True,
        taken: frozenset[str] = frozenset(),
        encode: Callable[[Fields], bytes] = lambda _: b"",
        **redaction: Any,
    ) -> None:
        given = {free_name(name): value for name, value in (static_fields or {}).items()}
        given = {
            free_name(f"extra_{name}") if name in taken else name: value
            for name, value in given.items()
        }
        self._formatter = formatter
        self._redaction = LineRedaction(redact, given, **redaction)
        self.static = self._redaction.static_fields(given)
        self._taken = taken | self.static.keys()
        self._request_parts = RequestParts(self._redaction, remote_addr, self._taken, encode)

    def parts(self, record: logging.LogRecord) -> Line:
        """Return the parts of a record's line."""
        register_error(record)
        attributes = record.__dict__
        line = Line()
        line.request = request = self._request_parts.of(attributes)
        line.level, message = record.levelname, format_message(record)
        line.traceback = line.stack = ""
        if record.exc_info or record.exc_text or record.stack_info:
            self._complete(line, record, message)
        elif len(attributes) == STANDARD_ATTRIBUTE_COUNT and self._is_clean(
            message, request
        ):  # as most are
            line.message, line.own = message, {}
        elif record.name == _ACCESS and len(attributes) == STANDARD_ATTRIBUTE_COUNT + 1 + len(
            attributes.get(OWN_FIELDS_ATTRIBUTE, ())
        ):
            line.message = self._access_message(request, message)
            line.own = self._access_fields(request, attributes[OWN_FIELDS_ATTRIBUTE])
        else:
            self._complete(line, record, message)
        if request.shown_path is not request.path:
            line.message = line.message.replace(request.path, request.shown_path)
        if (record.levelno or 0) >= logging.ERROR and is_duplicate_report(record):
            line.level = "INFO"
        return line

    def fields(self, record: logging.LogRecord, line: Line) -> Fields:
        """Return everything but the traceback as one mapping."""
        return {
            "timestamp": format_timestamp(record.created),
            "level": line.level,
            "logger": record.name,
            "module": record.module,
            "message": line.message,
            "pid": record.process or os.getpid(),
            **self.static,
            **line.request.fields,
            **line.own,
        }

    def _is_clean(self, message: str, request: RequestPart) -> bool:
        redaction = self._redaction
        return request.redactor is redaction.redactor and redaction.is_clean(message)

    def _complete(self, line: Line, record: logging.LogRecord, message: str) -> None:
        """Set message, own fields and traceback of a line that has more than a message."""
        request, redaction = line.request, self._redaction
        redactor, budget = request.redactor, None
        message, traceback = split_traceback(record.__dict__, message)
        own = self._own_fields(record, request)
        facts = record.__dict__.get(OWN_FIELDS_ATTRIBUTE) if record.name == _ACCESS else None
        if facts is None:
            if redactor is not None and not self._is_clean(message, request):
                budget = Budget()
                message = redactor.text(message, budget)
            line.message = message
            line.own, is_cut = redaction.fields(redactor, own, budget)
        else:
            line.message = self._access_message(request, message)
            more = {name: value for name, value in own.items() if name not in facts}
            more, is_cut = redaction.fields(redactor, more, budget)
            line.own = {**self._access_fields(request, facts), **more}
        if is_cut or request.is_cut:
            line.own = {**line.own, "truncated": True}
        traceback = self._traceback(record) or traceback
        line.traceback = redaction.text(redactor, traceback) if traceback else ""
        line.stack = redaction.text(redactor, record.stack_info) if record.stack_info else ""

    def _access_message(self, request: RequestPart, message: str) -> str:
        """Return an access line's message, whose path is redacted as one later."""
        if request.redactor is None or not self._redaction.has_patterns:
            return message
        return request.redactor.text(message, Budget())

    def _access_fields(self, request: RequestPart, facts: Fields) -> Fields:
        """Return the fields of an access line: only the user agent is not known to be clean."""
        fields = facts.copy()
        agent: Any = fields.get("user_agent")
        if agent is not None:
            fields["user_agent"] = self._redaction.user_agent(request.redactor, agent)
        return fields

    def _own_fields(self, record: logging.LogRecord, request: RequestPart) -> Fields:
        own: Fields = {}
        error_type, error, _ = record.exc_info or (None, None, None)
        if error_type is not None:
            own["exc_type"] = error_type.__name__
            if error is not None and "request_id" not in request.fields:
                # A server reports it when its request is over.
                request_id = get_attached_request_id(error)
                if request_id is not None:
                    own["request_id"] = request_id
        if len(record.__dict__) > STANDARD_ATTRIBUTE_COUNT:
            for name, value in extra_fields(record.__dict__, self._taken, request.fields).items():
                own.setdefault(name, value)
        return own

    def _traceback(self, record: logging.LogRecord) -> str:
        if record.exc_info and record.exc_info[1] is not None:
            return (
                ""
                if is_duplicate_report(record)
                else format_exception(self._formatter, record.exc_info)
            )
        return record.exc_text or ""
