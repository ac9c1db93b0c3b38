"""One stream of lines: our handler in place of those that write to the console beside it."""

from __future__ import annotations

import logging
from typing import Any

from wsgi_observe.gunicorn.console import (
    Gate,
    all_loggers,
    give_way,
    is_console,
    writes_itself,
)
from wsgi_observe.logs.config import line_handler, set_levels
from wsgi_observe.logs.defaults import remove_default_handlers
from wsgi_observe.logs.handler import LineHandler
from wsgi_observe.logs.uncaught import capture_uncaught
from wsgi_observe.settings import Settings


class Stream:
    """Puts our handler on root and leaves the user's own, which write elsewhere, alone.

    Nothing goes through ``dictConfig``: it would close every handler of the process, those of a
    ``logconfig_dict`` and of a preloaded app too.
    """

    def __init__(self) -> None:
        self._handler: LineHandler | None = None

    def begin(self, settings: Settings, cfg: Any, *, keeps_level: bool = False) -> None:
        """Set up anew, once Gunicorn's own logger has done so.

        :param keeps_level: whether the levels are those of the user's ``logconfig``.
        """
        made = line_handler(settings)
        self._take_off()
        self._handler = made
        if not keeps_level:
            set_levels(settings)
        # Gunicorn's defaults have it propagate to root and write itself.
        of_gunicorn = logging.getLogger("gunicorn.error")
        self.tidy()
        if not of_gunicorn.handlers or not _has_logconfig(cfg):
            of_gunicorn.propagate = True
            of_gunicorn.handlers[:] = [one for one in of_gunicorn.handlers if one is not made]
        capture_uncaught(settings.capture_uncaught)

    def tidy(self) -> None:
        """Have what writes to the console give way, and ours stand on root.

        Done once more when the app is loaded, which may have brought handlers of its own.
        """
        if self._handler is None:
            return
        remove_default_handlers()
        gone = give_way(self._handler)
        root = logging.getLogger()
        if not any(_speaks(handler) for handler in root.handlers):
            root.addHandler(self._handler)
        if any(handler.level or handler.filters for _, handler in gone):
            self._handler.addFilter(Gate(gone))

    def _take_off(self) -> None:
        for logger in all_loggers():
            logger.handlers[:] = [one for one in logger.handlers if one is not self._handler]
        if self._handler is not None:
            self._handler.close()


def _speaks(handler: logging.Handler) -> bool:
    """Tell whether a handler of root's makes ours one too many: ours, or the app's own kind."""
    return isinstance(handler, LineHandler) or (is_console(handler) and writes_itself(handler))


def _has_logconfig(cfg: Any) -> bool:
    return bool(cfg.logconfig_dict or cfg.logconfig_json or cfg.logconfig)
