"""Debug buffer: records below the level, held while their request runs, written if it fails.

This is the setting ``debug_on_error``. Loggers keep their levels, so that handlers of the app's
get no record more: within a request they are enabled for lower levels too, and what they log there
goes to the request's buffer instead of to handlers.
"""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable, Collection, Iterable
from itertools import islice
from operator import itemgetter
from threading import RLock
from typing import Any
from weakref import WeakValueDictionary

from wsgi_observe._loggers import ACCESS_LOGGER
from wsgi_observe._safely import call_safely, warn_once
from wsgi_observe.context import (
    ENDED_ENVIRON,
    RequestContext,
    current_context,
    get_raw_context,
    request_hooks,
)
from wsgi_observe.field_names import CONTEXT_ATTRIBUTE, OWN_FIELDS_ATTRIBUTE
from wsgi_observe.logs.error_id import get_error_id
from wsgi_observe.logs.error_reports import is_duplicate_report
from wsgi_observe.logs.fields import STANDARD_ATTRIBUTE_COUNT, Fields, format_message
from wsgi_observe.logs.log_record import add_transparent
from wsgi_observe.wsgi.exceptions import any_failure

MAX_RECORDS = 200
"""Records of one request that are held, at most; then the oldest are dropped."""
MAX_REQUEST_BYTES = 64 * 1024
"""Bytes of the records of one request, at most; likewise."""
MAX_PROCESS_BYTES = 8 * 1024 * 1024
"""Bytes of the records of all requests of the process, at most; likewise."""

_BLOCK_BYTES = 8 * 1024
_RECORD_BYTES = 290  # of a record without its texts, as measured
_IMMUTABLE_TYPES = frozenset({int, float, bool, type(None), complex})
_IMMUTABLE_MODULES = frozenset({"datetime", "decimal", "fractions", "uuid", "ipaddress"})
_INTERNAL_ATTRIBUTES = frozenset({OWN_FIELDS_ATTRIBUTE, CONTEXT_ATTRIBUTE})


# What a line needs of a record: half of the memory of a `logging.LogRecord`.
_ATTRIBUTES = (
    *("name", "levelno", "levelname", "msg", "args", "pathname", "module", "lineno"),
    *("created", "process"),
)
_get_attributes = itemgetter(*_ATTRIBUTES)

_HeldRecord = tuple[Any, ...]
"""The values of `_ATTRIBUTES`, the attributes that differ or None, and the bytes they take."""


class _ProcessBuffers:
    """The buffers of the process that hold records, the oldest first, and the bytes they have."""

    def __init__(self) -> None:
        self.reserved = 0
        self.buffers: dict[int, DebugBuffer] = {}
        self.create_lock()
        # Another thread may hold it while a process is forked.
        os.register_at_fork(after_in_child=self.create_lock)

    def create_lock(self) -> None:
        self.lock = RLock()  # re-entrant, since the handler of a signal may log an error meanwhile


_process = _ProcessBuffers()


class DebugBuffer:
    """The records that one request has logged below the level.

    Memory is reserved from the process's in blocks, so that few records wait for its lock.
    """

    def __init__(self) -> None:
        self._records: deque[_HeldRecord] = deque()
        self._bytes = self._reserved = self._dropped = 0

    def add(self, record: logging.LogRecord) -> None:
        """Hold a record, and drop the oldest ones that are too many; raise nothing."""
        try:
            held = _hold(record)
            self._records.append(held)
            self._bytes += held[-1]
            if self._bytes > self._reserved or len(self._records) > MAX_RECORDS:
                self._make_room()
        except any_failure():
            warn_once("holding a record for debug_on_error")

    def take(self) -> list[logging.LogRecord]:
        """Remove the records, and return them as they were logged, with the field ``buffered``."""
        with _process.lock:
            records, dropped = list(self._records), self._dropped
            self.clear()
        return [*([_make_dropped_record(dropped)] if dropped else []), *map(_restore, records)]

    def clear(self) -> None:
        """Drop the records: their request has ended without a failure."""
        with _process.lock:
            self._records.clear()
            self._bytes = self._dropped = 0
            self._reserve(-self._reserved)

    def _make_room(self) -> None:
        """Drop records that are too many, and reserve what the others take."""
        with _process.lock:
            while len(self._records) > MAX_RECORDS or self._bytes > MAX_REQUEST_BYTES:
                self._drop_oldest()
            while self._bytes > self._reserved:
                self._reserve(_BLOCK_BYTES)
            while _process.reserved > MAX_PROCESS_BYTES:
                next(iter(_process.buffers.values()))._release_block()

    def _release_block(self) -> None:
        while self._records and self._bytes > self._reserved - _BLOCK_BYTES:
            self._drop_oldest()
        self._reserve(-_BLOCK_BYTES)

    def _drop_oldest(self) -> None:
        self._bytes -= self._records.popleft()[-1]
        self._dropped += 1

    def _reserve(self, count: int) -> None:
        self._reserved += count
        _process.reserved += count
        if self._reserved:
            _process.buffers.setdefault(id(self), self)
        else:
            _process.buffers.pop(id(self), None)


class DebugCapture:
    """Has the loggers fill the buffers of requests, and our handlers write them."""

    def __init__(self) -> None:
        self._get_handlers: Callable[[], Iterable[logging.Handler]] = tuple
        self._loggers: frozenset[str] = frozenset()
        self._is_on = False
        self._methods: tuple[Any, ...] = ()
        self._wrappers: tuple[Any, ...] = ()

    def install(
        self, get_handlers: Callable[[], Iterable[logging.Handler]], levels: Collection[str]
    ) -> None:
        """Hold records below the level, from now on.

        :param get_handlers: returns the handlers that write them.
        :param levels: names of the loggers whose levels are those of a setting. The level of
            another one is the app's choice, and is kept.
        """
        self._get_handlers = get_handlers
        self._loggers = frozenset({*levels, logging.root.name})
        self._is_on = True
        if _remember_request not in request_hooks:
            request_hooks.append(_remember_request)
        if not self._wrappers:
            self._wrap_logger_methods()

    def uninstall(self) -> None:
        """Hold no more records."""
        self._is_on = False
        if _remember_request in request_hooks:
            request_hooks.remove(_remember_request)
        logger_class: Any = logging.Logger
        # Other code may have wrapped our methods in its own, which then goes on calling them.
        if self._wrappers == (logger_class.isEnabledFor, logger_class.callHandlers):
            logger_class.isEnabledFor, logger_class.callHandlers = self._methods
            self._wrappers = ()

    def write(self, context: RequestContext) -> None:
        """Write the held records of a request; call it in the request's context."""
        buffer: DebugBuffer | None = _get_owner(context).debug_buffer
        if buffer is not None:
            records = buffer.take()
            for handler in self._get_handlers():
                if handler.level < logging.ERROR:  # a mail's is not
                    for record in records:
                        handler.emit(record)

    def _wrap_logger_methods(self) -> None:
        # On the class, as Sentry's integration does it: a logger may be made at any time.
        logger_class: Any = logging.Logger
        is_enabled_for, call_handlers = logger_class.isEnabledFor, logger_class.callHandlers
        self._methods = is_enabled_for, call_handlers

        def is_enabled_or_held(logger: logging.Logger, level: int) -> Any:
            return is_enabled_for(logger, level) or self._holds(logger, level)

        def call_handlers_or_hold(logger: logging.Logger, record: logging.LogRecord) -> None:
            if record.levelno >= logging.ERROR:
                self._write_before(record)
            elif not is_enabled_for(logger, record.levelno):
                context = get_raw_context()
                if context is not None and (buffer := self._get_buffer(context)) is not None:
                    buffer.add(record)
                    return
            call_handlers(logger, record)

        self._wrappers = is_enabled_or_held, call_handlers_or_hold
        logger_class.isEnabledFor, logger_class.callHandlers = self._wrappers
        add_transparent(call_handlers_or_hold, call_handlers)

    def _holds(self, logger: logging.Logger, level: int) -> bool:
        """Return whether a record that `logger` does not let pass is held."""
        context = get_raw_context()
        if context is None or context.environ is ENDED_ENVIRON or context.is_probe:
            return False
        if not self._is_on or logger.disabled or level <= logger.manager.disable:
            return False
        owner: logging.Logger = logger
        while not owner.level and owner.parent is not None:
            owner = owner.parent
        # An access line that its level hides is written by no one, whatever its request's end.
        return owner.name in self._loggers and logger.name != ACCESS_LOGGER

    def _get_buffer(self, context: RequestContext) -> DebugBuffer | None:
        """Return the buffer of the running request; None where no record is held."""
        if not context.environ:  # a `log_context`, or one that has ended
            context = _get_owner(context)
        if not self._is_on or context.environ is ENDED_ENVIRON:
            return None
        buffer: DebugBuffer | None = context.debug_buffer
        if buffer is None:
            buffer = context.debug_buffer = DebugBuffer()
            context.on_close = (self._write_at_end, *context.on_close)
        return buffer

    def _write_before(self, record: logging.LogRecord) -> None:
        """Write what was held before an ERROR that is the failure of its request."""
        context = current_context()
        if context is None or _get_owner(context).debug_buffer is None:
            return
        if not is_duplicate_report(record):
            call_safely("writing the records of debug_on_error", self.write, context)

    def _write_at_end(self, exchange: Any) -> None:
        """Write what was held, where the request has ended in a 5xx without an ERROR."""
        if exchange.response.status_code >= 500:
            self.write(exchange.context)


debug_capture = DebugCapture()
"""The one of this process."""


def _get_owner(context: RequestContext) -> RequestContext:
    """Return the context whose buffer has the records of `context`: that of its request.

    A thread that was given nothing but the ID has a `log_context` with no request around it.
    """
    owner = context.request_context
    running = None if owner.environ else _requests_by_id.get(context.request_id or "")
    return running if running is not None and running.is_active else owner


# Keeps no request alive. Of two that clients have sent under one ID it is the later.
_requests_by_id: WeakValueDictionary[str, RequestContext] = WeakValueDictionary()


def _remember_request(context: RequestContext) -> None:
    """Remember a request as it begins; the hook is called for each of its lines, too."""
    if not context.is_remembered and context.environ and context.request_id is not None:
        context.is_remembered = True
        _requests_by_id[context.request_id] = context


def _hold(record: logging.LogRecord) -> _HeldRecord:
    """Return what to hold of a record: what may change later is made text now."""
    attributes = record.__dict__
    changes: Fields | None = None
    size = _measure_immutable(record.args) if record.msg.__class__ is str else -1
    has_more = len(attributes) > STANDARD_ATTRIBUTE_COUNT or record.exc_info or record.stack_info
    if size < 0 or has_more:  # as few have
        changes = {} if size >= 0 else {"msg": format_message(record), "args": ()}
        changes |= _convert_fields(record)
        size = _RECORD_BYTES + _get_json_size(changes)
    return (*_get_attributes(attributes), changes, size)


def _measure_immutable(args: Any) -> int:
    """Return the size of a record with these arguments; -1 if one of them may change."""
    size = _RECORD_BYTES
    if args.__class__ is not tuple:
        return -1 if args else size  # one mapping may be all of them
    for one in args:
        kind = one.__class__
        if kind is str:
            size += len(one)
        elif kind not in _IMMUTABLE_TYPES and kind.__module__ not in _IMMUTABLE_MODULES:
            return -1
    return size


def _get_json_size(fields: Fields) -> int:
    from wsgi_observe.logs.formatters.encoders import encode  # loads the redactor

    return len(encode(fields))


def _convert_fields(record: logging.LogRecord) -> Fields:
    """Return the fields of ``extra=`` in types of JSON, and traceback and stack as text."""
    from wsgi_observe.logs.formatters.encoders import to_json_types
    from wsgi_observe.logs.formatters.tracebacks import format_exception, format_traceback

    extras = islice(record.__dict__.items(), STANDARD_ATTRIBUTE_COUNT, None)
    fields: Fields = {
        name: value if name in _INTERNAL_ATTRIBUTES else to_json_types(value)
        for name, value in extras
    }
    kind, error, _ = record.exc_info or (None, None, None)
    if kind is not None and error is not None:
        fields["exc_info"] = (kind, None, None)  # a traceback holds its frames, and their variables
        fields["exc_text"] = format_exception(format_traceback, record.exc_info)
        own: Any = fields.get(OWN_FIELDS_ATTRIBUTE, {})
        fields[OWN_FIELDS_ATTRIBUTE] = {**own, "error_id": get_error_id(error)}
    if record.stack_info:
        fields["stack_info"] = record.stack_info
    return fields


def _restore(held: _HeldRecord) -> logging.LogRecord:
    values = dict(zip(_ATTRIBUTES, held, strict=False))
    record = logging.makeLogRecord({**values, **(held[-2] or {})})
    own: Fields = record.__dict__.get(OWN_FIELDS_ATTRIBUTE, {})
    record.__dict__[OWN_FIELDS_ATTRIBUTE] = {**own, "buffered": True}
    return record


def _make_dropped_record(count: int) -> logging.LogRecord:
    message = (
        "%d earlier records of this request were dropped: the buffer of debug_on_error was full"
    )
    record = logging.LogRecord(
        "wsgi_observe.logs", logging.DEBUG, __file__, 0, message, (count,), None
    )
    record.__dict__[OWN_FIELDS_ATTRIBUTE] = {"buffered": True, "dropped": count}
    return record
