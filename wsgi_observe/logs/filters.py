"""Logging filter: sets the current request's fields as attributes of a record."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from wsgi_observe.field_names import CONTEXT_ATTRIBUTE, RESERVED_NAMES, rename_taken
from wsgi_observe.logs.error_id import get_error_id
from wsgi_observe.logs.error_reports import register_error
from wsgi_observe.logs.fields import Fields, format_message
from wsgi_observe.logs.request_fields import RecordContext, find_request, request_fields

_ABSENT_FIELDS: Fields = dict.fromkeys(
    (
        *("request_id", "method", "path", "remote_addr"),
        *("trace_id", "span_id", "trace_flags"),
    ),
    "-",
)
_NO_CONTEXT: Mapping[str, Any] = {"own": {}, "placed": ()}


class ContextFilter(logging.Filter):
    """Set the request's fields as attributes, for a logging configuration of your own.

    Attach it to a handler, and use ``%(request_id)s`` in its format. Outside a request the
    attributes are ``"-"``. An attribute that the record has already, such as one of ``extra=``,
    is not changed. On a ``QueueHandler``, the filter hands the request on to the formatter of the
    listener, ours included. It filters no record out.

    :param log_fields: static fields for every record.
    :param remote_addr: ``full``, ``truncated`` or ``off``.

    >>> handler.addFilter(ContextFilter())  # doctest: +SKIP
    """

    def __init__(
        self, log_fields: Mapping[str, object] | None = None, *, remote_addr: str = "full"
    ) -> None:
        super().__init__()
        self._static = rename_taken(dict(log_fields or {}), RESERVED_NAMES)
        self._remote_addr = remote_addr

    def filter(self, record: logging.LogRecord) -> bool:
        """Set the attributes; return True."""
        register_error(record)
        attributes = record.__dict__
        previous: Mapping[str, Any] = attributes.get(CONTEXT_ATTRIBUTE, _NO_CONTEXT)
        static = self._static
        request = find_request(attributes)
        fields = rename_taken(request_fields(request, self._remote_addr), static.keys())
        placed = previous["placed"]
        # What another filter of this class has set is set again, by the settings of this one.
        added = {
            name: value
            for name, value in {**_ABSENT_FIELDS, **static, **fields}.items()
            if name not in attributes or name in placed
        }
        attributes.update(added)
        own = {**previous["own"], **static}
        items = {**previous, "fields": fields, "own": own, "placed": [*{*placed, *added}]}
        if record.exc_info and record.exc_info[0] is not None:
            # A QueueHandler moves the traceback into the message.
            kind, error, _ = record.exc_info
            own["exc_type"] = kind.__name__
            items["message"] = format_message(record)
            if error is not None:
                own["error_id"] = get_error_id(error)
        attributes[CONTEXT_ATTRIBUTE] = RecordContext(request, items)
        return True
