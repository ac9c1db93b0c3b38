"""A worker whose threads are greenlets: what gevent has replaced, and what it prints."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from wsgi_observe.core.context import id_of_failure
from wsgi_observe.core.failures import any_failure
from wsgi_observe.core.loggers import get_logger
from wsgi_observe.core.records import own_extra

_log = get_logger("wsgi_observe.uncaught")

Originals = Callable[[str, str], Any]


def originals() -> Originals | None:
    """Return how to get what gevent has replaced, by module and name; None where it has not."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is None or not monkey.is_module_patched("threading"):
        return None
    found: Originals = monkey.get_original
    return found


def hear_of_failures() -> None:
    """Have an exception that ends a greenlet leave as a line: gevent prints it on stderr."""
    hub = sys.modules["gevent"].get_hub()
    prints = hub.print_exception
    if getattr(prints, "__func__", None) is None:
        return  # somebody has put theirs there

    def print_exception(context: object, kind: type, error: object, trace: object) -> None:
        try:
            _tell(kind, error, trace)
        except any_failure():
            prints(context, kind, error, trace)

    hub.print_exception = print_exception


def _tell(kind: type, error: Any, trace: Any) -> None:
    found = id_of_failure(error) if error is not None else None
    extra = {} if found is None else own_extra({"request_id": found})
    info = (kind, error, trace)
    _log.error("uncaught %s in a greenlet", kind.__name__, exc_info=info, extra=extra)
