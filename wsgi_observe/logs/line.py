"""A log line in parts, the same for every formatter: head, request part, own fields."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from time import time
from typing import Any

from wsgi_observe._loggers import ACCESS_LOGGER
from wsgi_observe.context import RequestContext, get_attached_request_id
from wsgi_observe.field_names import OWN_FIELDS_ATTRIBUTE, RESERVED_NAMES, rename_taken
from wsgi_observe.logs.error_id import get_error_id
from wsgi_observe.logs.error_reports import register_error
from wsgi_observe.logs.fields import (
    STANDARD_ATTRIBUTE_COUNT,
    Fields,
    extra_fields,
    format_message,
    format_timestamp,
    split_traceback,
)
from wsgi_observe.logs.formatters.tracebacks import format_exception, format_traceback
from wsgi_observe.logs.line_redaction import LineRedaction
from wsgi_observe.logs.request_fields import (
    find_request,
    own_request_fields,
    path_secrets,
    request_fields,
)
from wsgi_observe.redaction import Budget, Redactor
from wsgi_observe.wsgi.environ import MASKED_PATH


class RequestPart:
    """The fields that each line of one request has, redacted.

    :ivar redactor: knows the secrets in this request's path too.
    :ivar fields: under the names that they have on the line.
    :ivar text: the same as JSON that follows other fields; None until a formatter has encoded them.
    :ivar has_line: whether a line was encoded together with it.
    :ivar is_shown: whether a line for persons has shown its fields.
    :ivar path: as the client sent it, which may be part of a message, and what `shown_path` it is
        to be replaced by; both are empty for a path without secrets.
    :ivar is_cut: whether fields were left out because the budget was spent.
    :ivar key: what the fields were made of; other than this, a new part is due.
    """

    redactor: Redactor
    fields: Fields
    text: str | None = None
    has_line = is_shown = False
    path = shown_path = ""
    is_cut = False
    key: tuple[object, ...] = ()


class Line:
    """The parts of one line, redacted.

    :ivar created: in seconds since the epoch.
    :ivar own: the fields of this line alone, the traceback and ``truncated`` included; not to be
        changed, since they may be the record's.
    """

    created: float
    level: str
    logger: str
    module: str
    pid: int
    message: str
    request: RequestPart
    own: Fields


class LineMaker:
    """Make the parts of lines by the settings of one formatter; leave their records as they are.

    An ERROR that repeats one which the log has already becomes INFO, without its traceback.

    :param format_exc_info: makes the text of a traceback.
    :param static_fields: fields of every line; one with a reserved name becomes ``extra_<name>``.
    :param remote_addr: how much of the client's address is shown.
    :param redact: whether secrets are removed.
    :param taken: further names that no field of an app may have.
    :param redaction: the settings ``redact_…``, as `Settings` has them.
    """

    def __init__(
        self,
        *,
        format_exc_info: Callable[[Any], str] = format_traceback,
        static_fields: Mapping[str, object] | None = None,
        remote_addr: str = "full",
        redact: bool = True,
        taken: frozenset[str] = frozenset(),
        **redaction: Any,
    ) -> None:
        static = rename_taken(dict(static_fields or {}), RESERVED_NAMES | taken)
        self._format_exc_info = format_exc_info
        self._redaction = LineRedaction(redact, static, **redaction)
        redactor = self._redaction.redactor
        self.static = {name: redactor.field(name, value) for name, value in static.items()}
        self._taken = taken | self.static.keys()
        self._remote_addr = remote_addr
        self._no_request = self._make_request_part({}, {}, ())

    def from_record(self, record: logging.LogRecord) -> Line:
        """Return the line of a record."""
        is_error = (record.levelno or 0) >= logging.ERROR  # a record made by hand may have None
        is_duplicate = register_error(record) if is_error or record.exc_info else False
        attributes = record.__dict__
        line = Line()
        line.created, line.level = record.created, record.levelname
        line.logger, line.module = record.name, record.module
        line.pid = record.process or os.getpid()
        line.request = request = self._get_request_part(attributes)
        message = format_message(record)
        if (
            len(attributes) == STANDARD_ATTRIBUTE_COUNT
            and not (record.exc_info or record.exc_text or record.stack_info)
            and request.redactor.is_clean(message)
        ):
            line.message, line.own = message, {}  # as most are
        elif record.name == ACCESS_LOGGER and OWN_FIELDS_ATTRIBUTE in attributes:
            self._set_access_fields(line, message, attributes[OWN_FIELDS_ATTRIBUTE])
            if len(attributes) > STANDARD_ATTRIBUTE_COUNT + 1 + len(line.own):
                self._add_extra_fields(line, record)  # set by a filter of the app's
        else:
            self._set_fields(line, record, message, is_duplicate)
        if request.path or request.is_cut:
            self._complete(line)
        if is_error and is_duplicate:
            line.level = "INFO"
        return line

    def from_access_fields(
        self, source: tuple[str, str, str], message: str, fields: Fields
    ) -> Line:
        """Return the line of a request that has ended, as `from_record` does of its record.

        :param source: level, logger and module.
        """
        line = Line()
        line.created, line.pid = time(), os.getpid()
        line.level, line.logger, line.module = source
        line.request = request = self._get_request_part({})
        self._set_access_fields(line, message, fields)
        if request.path or request.is_cut:
            self._complete(line)
        return line

    def fields(self, line: Line) -> Fields:
        """Return all of a line as one mapping."""
        return {
            "timestamp": format_timestamp(line.created),
            "level": line.level,
            "logger": line.logger,
            "module": line.module,
            "message": line.message,
            "pid": line.pid,
            **self.static,
            **line.request.fields,
            **line.own,
        }

    @staticmethod
    def _complete(line: Line) -> None:
        """Mask the path in the message, and mark a line whose request part is cut."""
        request = line.request
        if request.path:
            line.message = line.message.replace(request.path, request.shown_path)
        if request.is_cut:
            line.own = {**line.own, "truncated": True}

    def _set_fields(
        self, line: Line, record: logging.LogRecord, message: str, is_duplicate: bool
    ) -> None:
        """Set message and own fields of a line that may have all of them."""
        request, redactor = line.request, line.request.redactor
        budget = None
        message, traceback = split_traceback(record.__dict__, message)
        if not redactor.is_clean(message):
            budget = Budget()
            message = redactor.text(message, budget)
        line.message = message
        own, is_cut = self._redaction.fields(redactor, self._own_fields(record, request), budget)
        if is_cut:
            own["truncated"] = True
        if not record.exc_info or record.exc_info[1] is None:
            traceback = record.exc_text or traceback
        elif not is_duplicate:
            traceback = format_exception(self._format_exc_info, record.exc_info)
        for name, text in (("exc_info", traceback), ("stack_info", record.stack_info)):
            if text:
                own[name] = redactor.text(text)
        line.own = rename_taken(own, self._taken, request.fields)

    def _set_access_fields(self, line: Line, message: str, own: Fields) -> None:
        """Set message and own fields of an access line, whose own texts are mostly clean.

        The path in its message is masked later, like that in any message.
        """
        redaction, redactor = self._redaction, line.request.redactor
        if redactor.has_patterns:
            message = redactor.text(message, Budget())
        line.message = message
        agent: Any = own.get("user_agent")
        if agent is not None and (shown := redaction.user_agent(redactor, agent)) is not agent:
            own = {**own, "user_agent": shown}
        # One of them may be a number that the app has counted.
        if self._taken:
            own = rename_taken(own, self._taken, line.request.fields)
        line.own = own

    def _add_extra_fields(self, line: Line, record: logging.LogRecord) -> None:
        extras = extra_fields(record, self._taken, line.request.fields)
        own = record.__dict__[OWN_FIELDS_ATTRIBUTE]
        more = {name: value for name, value in extras.items() if name not in own}
        more, is_cut = self._redaction.fields(line.request.redactor, more)
        line.own = {**line.own, **more, "truncated": True} if is_cut else {**line.own, **more}

    def _own_fields(self, record: logging.LogRecord, request: RequestPart) -> Fields:
        extras = extra_fields(record, self._taken, request.fields)
        error_type, error, _ = record.exc_info or (None, None, None)
        if error_type is None:
            return extras
        own: Fields = {"exc_type": error_type.__name__}
        if error is not None:
            own["error_id"] = get_error_id(error)
            # A server reports it when its request is over.
            request_id = get_attached_request_id(error)
            if request_id is not None and "request_id" not in request.fields:
                own["request_id"] = request_id
        return {**own, **extras, **own}

    def _get_request_part(self, attributes: Mapping[str, Any]) -> RequestPart:
        """Return the part of the request that a record with these attributes belongs to."""
        request = find_request(attributes)
        if request is None:
            return self._no_request
        if not isinstance(request, RequestContext):
            fields = request_fields(request, self._remote_addr)
            return self._make_request_part({}, fields, path_secrets(request))
        get = request.environ.get
        # What may change while the request runs without a call of `bind()`: a middleware of the
        # app's such as Werkzeug's ProxyFix changes the environ.
        key = (
            (get("REQUEST_METHOD"), get("SCRIPT_NAME"), get("PATH_INFO"), get("REMOTE_ADDR")),
            (get(MASKED_PATH), request.client_addr, request.remote_addr_mode, request.trace),
        )
        parts = request.log_parts
        if parts is None:
            parts = request.log_parts = {}
        part: RequestPart | None = parts.get(self)
        if part is None or part.key != key:
            own = own_request_fields(request, self._remote_addr)
            # A copy: another thread of the request's may bind meanwhile.
            bound = request.fields.copy()
            part = parts[self] = self._make_request_part(own, bound, path_secrets(request))
            part.key = key
        return part

    def _make_request_part(
        self, own: Fields, more: Fields, secrets: tuple[str, ...]
    ) -> RequestPart:
        """Return the part with the contract's own fields, and with `more`.

        Only the path of the former may contain a secret.
        """
        part = RequestPart()
        part.redactor = redactor = self._redaction.redactor
        if secrets:
            part.redactor = redactor = redactor.with_secrets(secrets)
        fields = own
        if more:
            redacted, part.is_cut = self._redaction.fields(redactor, more)
            fields.update(redacted)
        if "path" in fields:
            path = str(fields["path"])
            shown = fields["path"] = self._redaction.path(redactor, path)
            if shown != path:
                part.path, part.shown_path = path, shown
        part.fields = rename_taken(fields, self._taken) if self._taken else fields
        return part
