"""One stream of lines: our handler in place of those that write to the console beside it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from wsgi_observe.gunicorn.console import (
    Gate,
    Gone,
    all_loggers,
    give_way,
    is_console,
    reaches_root,
    writes_itself,
)
from wsgi_observe.logs.config import root_handlers, set_levels
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
        self._handler: Any = None
        self._beside: list[logging.Handler] = []  # on root too, where the settings ask for more
        self._gone: Gone = []

    def begin(self, settings: Settings, cfg: Any, *, keeps_level: bool = False) -> None:
        """Set up anew, once Gunicorn's own logger has done so.

        :param keeps_level: whether the levels are those of the user's ``logconfig``.
        """
        made = root_handlers(settings)
        before = [self._handler, *self._beside]
        (self._handler,) = (one for one in made if isinstance(one, LineHandler))
        self._beside = [one for one in made if one is not self._handler]
        self._gone = []
        self._replace(before)
        if not keeps_level:
            set_levels(settings)
        self.tidy()
        self._hear_gunicorn(cfg)
        capture_uncaught(settings.capture_uncaught)

    def tidy(self) -> None:
        """Have what writes to the console give way, and ours stand on root.

        Done once more when the app is loaded, which may have brought handlers of its own.
        """
        if self._handler is None:
            return
        remove_default_handlers()
        self._gone += give_way(self._handler)
        root = logging.getLogger()
        if not any(_speaks(handler) for handler in root.handlers):
            for handler in (self._handler, *self._beside):
                root.addHandler(handler)
        if any(handler.level or handler.filters for _, handler in self._gone):
            self._handler.filters[:] = [Gate(self._gone)]

    def _replace(self, before: Sequence[logging.Handler | None]) -> None:
        """Let the new handlers stand where those of the configuration before stood.

        Each logger in one step: a thread of the arbiter's may be logging meanwhile.
        """
        first, *beside = before
        for logger in all_loggers():
            kept = [one for one in logger.handlers if one not in beside]
            new = self._beside if first in kept and logger is logging.root else []
            logger.handlers[:] = [self._handler if one is first else one for one in kept] + new
        for handler in before:
            if handler is not None:
                handler.close()

    def _hear_gunicorn(self, cfg: Any) -> None:
        """Have Gunicorn's own loggers heard, which have no console handler of theirs."""
        errors, access = logging.getLogger("gunicorn.error"), logging.getLogger("gunicorn.access")
        if not errors.handlers or not has_logconfig(cfg):
            errors.propagate = True  # to root, where ours stands, or what the app puts there
            errors.removeHandler(self._handler)
        if cfg.accesslog == "-" and not reaches_root(access):
            access.addHandler(self._handler)


def _speaks(handler: logging.Handler) -> bool:
    """Tell whether a handler of root's makes ours one too many: ours, or the app's own kind."""
    return isinstance(handler, LineHandler) or (is_console(handler) and writes_itself(handler))


def has_logconfig(cfg: Any) -> bool:
    """Tell whether the user's configuration has logging of its own."""
    return bool(cfg.logconfig_dict or cfg.logconfig_json or cfg.logconfig)
