"""A worker whose threads are greenlets: what gevent has replaced, and what it prints."""

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


def find_get_original() -> GetOriginal | None:
    """Return how to get what gevent has replaced, by module and name; None where it has not."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is None or not monkey.is_module_patched("threading"):
        return None
    result: GetOriginal = monkey.get_original
    return result


def log_greenlet_failures() -> None:
    """Have an exception that ends a greenlet leave as a line: gevent prints it on stderr."""
    hub = sys.modules["gevent"].get_hub()
    print_original = hub.print_exception
    if getattr(print_original, "__func__", None) is None:
        return  # somebody has put theirs there

    def print_exception(context: object, kind: type, error: object, trace: object) -> None:
        try:
            _log_failure(kind, error, trace)
        except any_failure():
            print_original(context, kind, error, trace)

    hub.print_exception = print_exception


def _log_failure(kind: type, error: Any, trace: Any) -> None:
    result = get_attached_request_id(error) if error is not None else None
    extra = {} if result is None else make_own_extra({"request_id": result})
    exc_info = (kind, error, trace)
    _log.error("uncaught %s in a greenlet", kind.__name__, exc_info=exc_info, extra=extra)
