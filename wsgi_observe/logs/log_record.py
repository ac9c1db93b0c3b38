"""Log records of our own, whose fields have reserved names; most access lines need none."""

from __future__ import annotations

import logging

from wsgi_observe.field_names import OWN_FIELDS_ATTRIBUTE

_transparent: set[object] = {logging.Logger.callHandlers}


def add_transparent(wrapper: object, wrapped: object) -> None:
    """Have access lines go past a wrapper of ``Logger.callHandlers``, unless it wraps another's."""
    if wrapped in _transparent:
        _transparent.add(wrapper)


def make_own_extra(fields: dict[str, object]) -> dict[str, object]:
    """Return the ``extra=`` of a record of our own, whose fields may have reserved names.

    They are attributes for any formatter, and once more in one dict for ours, which renames an
    attribute that an app has set under such a name to ``extra_<name>``.
    """
    return {**fields, OWN_FIELDS_ATTRIBUTE: fields}


class AccessLogger:
    """Logs the access lines of one module, at less cost than ``Logger.log``.

    Where our handler alone would receive the record, none is made: the line is the same.
    """

    def __init__(self, logger: logging.Logger, path: str) -> None:
        self._logger, self._path = logger, path
        self._module = logging.LogRecord("", 0, path, 0, "", (), None).module

    def log(self, level: int, message: str, fields: dict[str, object]) -> None:
        """Log what ``logger.log(level, message, extra=fields)`` would; the level is enabled."""
        logger = self._logger
        if level < logging.WARNING and (handler := self._get_only_handler(level)) is not None:
            write = vars(type(handler)).get("write_access_line")  # a subclass may override `emit`
            source = (logging.getLevelName(level), logger.name, self._module)
            if write is not None and write(handler, level, source, message, fields):
                return
        extra = make_own_extra(fields)
        logger.handle(
            logger.makeRecord(logger.name, level, self._path, 0, message, (), None, None, extra)
        )

    def _get_only_handler(self, level: int) -> logging.Handler | None:
        """Return root's handler, if a record would meet nothing else that acts on it."""
        logger: logging.Logger | None = self._logger
        # Sentry's and New Relic's integrations replace `callHandlers` to receive every record.
        is_observed = logging.Logger.callHandlers not in _transparent or self._logger.filters
        if is_observed or logging.getLogRecordFactory() is not logging.LogRecord:
            return None
        while logger is not logging.root:
            if logger is None or logger.handlers or not logger.propagate:
                return None
            logger = logger.parent
        handlers = [one for one in logging.root.handlers if one.level <= level]
        return handlers[0] if len(handlers) == 1 and not handlers[0].filters else None
