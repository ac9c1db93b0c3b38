"""Logging filter: sets the current request's fields as attributes of a record."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from wsgi_observe.context import get_raw_context
from wsgi_observe.field_names import CONTEXT_ATTRIBUTE, free_name
from wsgi_observe.logs.error_reports import register_error
from wsgi_observe.logs.fields import Fields, format_message
from wsgi_observe.logs.request_part import get_record_secrets, path_secrets, request_fields

_ABSENT_FIELDS: Fields = dict.fromkeys(
    (
        *("request_id", "method", "path", "remote_addr"),
        *("trace_id", "span_id", "trace_flags"),
    ),
    "-",
)
_NO_CONTEXT: Mapping[str, Any] = {"static": {}, "placed": ()}


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
        self._static: Fields = {
            free_name(name): value for name, value in (log_fields or {}).items()
        }
        self._remote_addr = remote_addr

    def filter(self, record: logging.LogRecord) -> bool:
        """Set the attributes; return True."""
        register_error(record)
        attributes = record.__dict__
        previous: Mapping[str, Any] = attributes.get(CONTEXT_ATTRIBUTE, _NO_CONTEXT)
        static = self._static
        request = request_fields(attributes, self._remote_addr)
        fields = {
            free_name(f"extra_{name}", request) if name in static else name: value
            for name, value in request.items()
        }
        placed = previous["placed"]
        # What another filter of this class has set is set again, by the settings of this one.
        own = {
            name: value
            for name, value in {**_ABSENT_FIELDS, **static, **fields}.items()
            if name not in attributes or name in placed
        }
        attributes.update(own)
        record_context = RecordContext(
            attributes,
            fields=fields,
            static={**previous["static"], **static},
            placed=[*{*placed, *own}],
        )
        if record.exc_info and record.exc_info[0] is not None:
            # A QueueHandler moves the traceback into the message.
            record_context |= {
                "exc_type": record.exc_info[0].__name__,
                "message": format_message(record),
            }
        attributes[CONTEXT_ATTRIBUTE] = record_context
        return True


class RecordContext(dict[str, Any]):
    """The fields that `ContextFilter` has added to a record, for a formatter elsewhere.

    That may be in another thread or process. For other formatters it is a dict of plain values:
    one that dumps all attributes can encode it, and a process that unpickles a record need not
    have wsgi_observe. The secrets in the path, which they must not write, are an attribute.
    """

    def __init__(self, attributes: Mapping[str, Any], **items: Any) -> None:
        """Add `items` to the context that a record's `attributes` have already, if any."""
        previous = attributes.get(CONTEXT_ATTRIBUTE)
        if previous is None:
            super().__init__(items)
            self.context = get_raw_context()
            self.secrets = path_secrets(self.context)
        else:
            super().__init__(previous, **items)
            self.context = getattr(previous, "context", None)
            self.secrets = get_record_secrets(attributes)

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, ({**self, "secrets": self.secrets},)
