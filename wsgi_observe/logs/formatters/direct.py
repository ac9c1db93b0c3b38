"""The access line without a record, where nobody but our handler would hear of it.

Making a record and walking it up to the handler takes longer than the line itself. It is left
out only where nobody can notice: in the set-up that `configure_logging` makes, untouched.
"""

from __future__ import annotations

import logging
from typing import Any

from wsgi_observe._loggers import get_logger, has_stock_class
from wsgi_observe.logs.handlers.stream import LineHandler
from wsgi_observe.wsgi.response import Transfer

access = get_logger("wsgi_observe.access")

_above = get_logger("wsgi_observe")
_root = logging.getLogger()
_Record = logging.LogRecord

_UNTOUCHED = [[], [], True, [], True]

_call_handlers = logging.Logger.callHandlers
_is_stock = (
    _call_handlers.__module__ == "logging"
    and has_stock_class(access)
    and has_stock_class(_above)
    and access.parent is _above
)


def write_directly(transfer: Transfer, level: int, code: int, seconds: float) -> bool:
    """Write what a record of `access` would become; False where one is due."""
    handler = _only_listener(level)
    if handler is None:
        return False
    # Who logs in another form has none, and need not load this one.
    text: Any = getattr(handler.formatter, "access_text", None)
    line = None if text is None else text.of(transfer, level, code, seconds)
    if line is None:
        return False
    handler.put((line,), level)
    return True


def _only_listener(level: int) -> LineHandler | None:
    """Return our handler, if it is all that a record would meet on its way."""
    # A library may have put its own into the class, as Sentry's does.
    if logging.Logger.callHandlers is not _call_handlers or not _is_stock:
        return None
    way = [access.handlers, access.filters, access.propagate, _above.handlers, _above.propagate]
    if way != _UNTOUCHED or logging.getLogRecordFactory() is not _Record:
        return None
    handlers = _root.handlers
    if len(handlers) != 1:  # one that only hears of errors is none for this line
        handlers = [one for one in handlers if one.level <= level]
        if len(handlers) != 1:
            return None
    (handler,) = handlers
    if handler.__class__ is not LineHandler or handler.filters or level < handler.level:
        return None
    return handler
