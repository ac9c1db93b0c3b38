"""Gunicorn's gevent worker: the originals of what gevent has patched, uncaught exceptions."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from wsgi_observe._loggers import get_logger
from wsgi_observe.context import get_attached_request_id
from wsgi_observe.logs.log_record import make_own_extra
from wsgi_observe.wsgi.exceptions import any_failure

_log = get_logger("wsgi_observe.uncaught")

GetOriginal = Callable[[str, str], Any]
"""Returns the original of what gevent has patched, by module and name."""


def find_get_original() -> GetOriginal | None:
    """Return `gevent.monkey.get_original`; None where gevent has patched nothing."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is None or not monkey.is_module_patched("threading"):
        return None
    get_original: GetOriginal = monkey.get_original
    return get_original


def log_greenlet_failures() -> None:
    """Log an exception that ends a greenlet as a line: gevent prints it on stderr."""
    hub = sys.modules["gevent"].get_hub()
    print_original = hub.print_exception
    if getattr(print_original, "__func__", None) is None:
        return  # replaced by other code already

    def print_exception(context: object, kind: type, error: object, traceback: object) -> None:
        try:
            _log_failure(kind, error, traceback)
        except any_failure():
            print_original(context, kind, error, traceback)

    hub.print_exception = print_exception


def _log_failure(kind: type, error: Any, traceback: Any) -> None:
    request_id = get_attached_request_id(error) if error is not None else None
    extra = {} if request_id is None else make_own_extra({"request_id": request_id})
    exc_info = (kind, error, traceback)
    _log.error("uncaught %s in a greenlet", kind.__name__, exc_info=exc_info, extra=extra)
