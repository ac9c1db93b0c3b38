"""Which ERROR records report an exception for the first time, and which repeat a report."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from wsgi_observe.context import RequestContext, current_context
from wsgi_observe.wsgi.exceptions import (
    any_failure,
    get_logged_mark,
    is_unreadable_body,
    mark_logged,
)

_ERRORS_LOGGER = "wsgi_observe.errors"
_UNCAUGHT_LOGGER = "wsgi_observe.uncaught"  # uWSGI calls ``sys.excepthook`` for what an app raises

# Their loggers report what a request has raised once more, when it has ended.
_SERVER_LOGGERS = frozenset(
    {
        *("gunicorn", "waitress", "werkzeug", "cheroot", "gevent", "eventlet", "tornado"),
        *("granian", "_granian", "uwsgi", "bjoern", "mod_wsgi", "wsgiref"),
    }
)


@contextmanager
def handled_by_framework(error: BaseException, logger: str) -> Iterator[None]:
    """Record that a framework has logged `error` to `logger`, and makes a response of it.

    What Flask runs for each response (``after_request``) may fail for this one in the same way,
    and is then logged too.
    """
    context = current_context()
    if context is None:
        yield
        return
    context.handled_error = (error, logger)
    try:
        yield
    finally:
        context.handled_error = None  # its traceback holds frames that hold the context


def is_duplicate_report(record: logging.LogRecord) -> bool:
    """Return whether a record is no ERROR, whatever its level: a repetition, or a client's error.

    A request's failure is one ERROR, the first one with the exception. An app may log and raise
    it again, and the server reports it once more. A framework fails again over the response, and
    logs a request body that cannot be read as a failure of the app. An app may store an exception
    and log it at another time, which is a new report.
    """
    error = record.exc_info[1] if record.exc_info else None
    if error is None:
        return _is_text_duplicate(record)
    if is_unreadable_body(error):
        return True
    context, logged_key = get_logged_mark(error)
    if context is None:
        return _is_handled_duplicate(error, record.name)
    if record.name == _ERRORS_LOGGER or logged_key == _record_key(record):
        return False
    is_same_context = _failing_context() is context
    return is_same_context or _is_server_record(record) or record.name == _UNCAUGHT_LOGGER


def _is_text_duplicate(record: logging.LogRecord) -> bool:
    """Return whether a server reports as text what its request has logged, as Granian does."""
    if (record.levelno or 0) < logging.ERROR or not _is_server_record(record):
        return False
    context = current_context()
    first = None if context is None else context.request_context.error_logged
    return first is not None and first != _record_key(record)


def _is_server_record(record: logging.LogRecord) -> bool:
    return record.name.partition(".")[0] in _SERVER_LOGGERS


def _failing_context() -> RequestContext | None:
    """Return the running request, or a ``log_context`` with an ID of its own."""
    context = current_context()
    if context is None:
        return None
    request_context = context.request_context
    return request_context if request_context.request_id == context.request_id else context


def _is_handled_duplicate(error: BaseException, logger: str) -> bool:
    context = current_context()
    if context is None or context.handled_error is None:
        return False
    first, first_logger = context.handled_error
    if first is error or logger != first_logger or type(error) is not type(first):
        return False
    try:
        return bool(error.args == first.args)
    except any_failure():  # arrays are compared by elements
        return False


def register_error(record: logging.LogRecord) -> bool:
    """Record that the running request has this ERROR line, unless it is a duplicate report.

    For every handler or filter that gets a record, at any level. Then its access line, of a 5xx,
    need not be an ERROR, and its exception is not logged again. Return whether it is a duplicate.
    """
    is_error = (record.levelno or 0) >= logging.ERROR  # a record made by hand may have no level
    is_duplicate = bool(is_error or record.exc_info) and is_duplicate_report(record)
    if is_duplicate or not is_error or (context := _failing_context()) is None:
        return is_duplicate
    if context.environ:
        context.error_logged = context.error_logged or _record_key(record)
    error = record.exc_info[1] if record.exc_info else None
    if error is not None and get_logged_mark(error)[0] is not context:
        mark_logged(error, context, _record_key(record))
    return False


def _record_key(record: logging.LogRecord) -> tuple[object, ...]:
    """Return what identifies a record, also once it was copied for another handler."""
    return record.created, record.name, record.lineno
