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

_ACCESS_LOGGER = "wsgi_observe.access"


class Line:
    """The parts of one line, redacted.

    :ivar own: the fields of this line alone, ``exc_type`` and ``truncated`` included; not to be
        changed, since they may be the record's.
    :ivar traceback: of its exception; `stack`, of ``stack_info``. Empty where there is none.
    """

    level: str
    message: str
    request: RequestPart
    own: Fields
    traceback = ""
    stack = ""


class LineMaker:
    """Make the parts of lines by the settings of one formatter; leave their records as they are.

    An ERROR that repeats one which the log has already becomes INFO, without its traceback.

    :param formatter: its ``formatException`` makes the traceback.
    :param static_fields: fields of every line; one with a reserved name becomes ``extra_<name>``.
    :param remote_addr: how much of the client's address is shown.
    :param redact: whether secrets are removed.
    :param taken: further names that no field of an app may have.
    :param encode: encodes a request's fields as `RequestPart.text`.
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
        encode: Callable[[Fields], str] = lambda _: "",
        **redaction: Any,
    ) -> None:
        fields = {free_name(name): value for name, value in (static_fields or {}).items()}
        fields = {
            free_name(f"extra_{name}") if name in taken else name: value
            for name, value in fields.items()
        }
        self._formatter = formatter
        self._redaction = LineRedaction(redact, fields, **redaction)
        self.static = self._redaction.static_fields(fields)
        self._taken = taken | self.static.keys()
        self._request_parts = RequestParts(self._redaction, remote_addr, self._taken, encode)

    def parts(self, record: logging.LogRecord) -> Line:
        """Return the parts of a record's line."""
        is_error = (record.levelno or 0) >= logging.ERROR  # a record made by hand may have None
        if is_error:
            register_error(record)
        attributes = record.__dict__
        line = Line()
        line.level = record.levelname
        line.request = request = self._request_parts.get(attributes)
        message = format_message(record)
        if (
            len(attributes) == STANDARD_ATTRIBUTE_COUNT
            and not (record.exc_info or record.exc_text or record.stack_info)
            and request.is_clean(message)
        ):
            line.message, line.own = message, {}  # as most are
        elif record.name == _ACCESS_LOGGER and OWN_FIELDS_ATTRIBUTE in attributes:
            self._add_access_fields(line, record, message)
        else:
            self._add_fields(line, record, message)
        if request.path:
            line.message = line.message.replace(request.path, request.shown_path)
        if request.is_cut:
            line.own = {**line.own, "truncated": True}
        if is_error and is_duplicate_report(record):
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

    def _add_fields(self, line: Line, record: logging.LogRecord, message: str) -> None:
        """Set message, own fields, traceback and stack of a line that may have all of them."""
        request, redaction = line.request, self._redaction
        redactor, budget = request.redactor, None
        message, traceback = split_traceback(record.__dict__, message)
        if redactor is not None and not request.is_clean(message):
            budget = Budget()
            message = redactor.text(message, budget)
        line.message = message
        own, is_cut = redaction.fields(redactor, self._own_fields(record, request), budget)
        line.own = {**own, "truncated": True} if is_cut else own
        traceback = self._traceback(record) or traceback
        line.traceback = redaction.text(redactor, traceback) if traceback else ""
        line.stack = redaction.text(redactor, record.stack_info) if record.stack_info else ""

    def _add_access_fields(self, line: Line, record: logging.LogRecord, message: str) -> None:
        """Set message and own fields of an access line, whose own texts are mostly clean.

        The path in its message is replaced later, like that in any message.
        """
        request, redaction = line.request, self._redaction
        redactor, attributes = request.redactor, record.__dict__
        if redactor is not None and redaction.has_patterns:
            message = redactor.text(message, Budget())
        line.message = message
        own: Fields = attributes[OWN_FIELDS_ATTRIBUTE]
        agent: Any = own.get("user_agent")
        if agent is not None and (shown := redaction.user_agent(redactor, agent)) is not agent:
            own = {**own, "user_agent": shown}
        if len(attributes) > STANDARD_ATTRIBUTE_COUNT + 1 + len(own):  # by a filter of the app's
            extras = extra_fields(record, self._taken, request.fields)
            more = {name: value for name, value in extras.items() if name not in own}
            more, is_cut = redaction.fields(redactor, more)
            own = {**own, **more, "truncated": True} if is_cut else {**own, **more}
        line.own = own

    def _own_fields(self, record: logging.LogRecord, request: RequestPart) -> Fields:
        extras = extra_fields(record, self._taken, request.fields)
        error_type, error, _ = record.exc_info or (None, None, None)
        if error_type is None:
            return extras
        own: Fields = {"exc_type": error_type.__name__}
        if error is not None and "request_id" not in request.fields:
            # A server reports it when its request is over.
            request_id = get_attached_request_id(error)
            if request_id is not None:
                own["request_id"] = request_id
        return {**own, **extras, **own}

    def _traceback(self, record: logging.LogRecord) -> str:
        if not record.exc_info or record.exc_info[1] is None:
            return record.exc_text or ""
        if is_duplicate_report(record):
            return ""
        return format_exception(self._formatter, record.exc_info)
