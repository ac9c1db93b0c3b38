"""A line of our own without a record, where nobody but our handler would hear of it.

Making a record and walking it up to the handler takes longer than the line itself. It is left
out only where nobody can notice: in the set-up that `configure_logging` makes, untouched.
"""

from __future__ import annotations

import logging

from wsgi_observe.logs.handler import LineHandler

_Record = logging.LogRecord
_call_handlers = logging.Logger.callHandlers
_STOCK = _call_handlers if _call_handlers.__module__ == "logging" else None


def write_directly(
    logger: logging.Logger, level: int, module: str, message: str, extra: dict[str, object]
) -> bool:
    """Write what ``logger.log(level, message, extra=extra)`` would; False where that is due."""
    handler = _only_listener(logger, level)
    if handler is None or level < handler.level:
        return False
    formatter = handler.formatter
    # By name: who logs in another form need not load this one.
    if formatter is None or type(formatter).__module__ != "wsgi_observe.logs.json":
        return False
    line = formatter.fields_of_our_own(  # type: ignore[attr-defined]
        logging.getLevelName(level), logger.name, module, message
    )
    line.update(extra)
    handler.put(formatter.cap(line), level)  # type: ignore[attr-defined]
    return True


def _only_listener(logger: logging.Logger, level: int) -> LineHandler | None:
    """Return our handler, if it is all that a record would meet on its way."""
    # A library may have put its own into the class, as Sentry's does.
    if logging.Logger.callHandlers is not _STOCK:
        return None
    here: logging.Logger | None = logger
    while here is not None and here is not logging.root:
        if here.__class__ is not logging.Logger or here.handlers or here.filters:
            return None
        here = here.parent if here.propagate and not here.disabled else None
    if here is None or logging.getLogRecordFactory() is not _Record:
        return None
    handlers = here.handlers
    if len(handlers) != 1:  # one that only hears of errors is none for this line
        handlers = [one for one in handlers if one.level <= level]
    if len(handlers) != 1:
        return None
    handler = handlers[0]
    is_ours = handler.__class__ is LineHandler and not handler.filters
    return handler if is_ours else None  # type: ignore[return-value]
