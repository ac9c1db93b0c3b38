"""Levels and disabled loggers: set back after another logging configuration has changed them."""

from __future__ import annotations

import logging
import sys
from collections.abc import Collection, Iterator
from itertools import accumulate

from wsgi_observe._loggers import config_watch, is_kept_enabled, keep_errors_enabled
from wsgi_observe.logs.foreign_handlers import all_loggers

_MAX_LISTED_LOGGERS = 20  # in one message


def is_service_logger(name: str) -> bool:
    """Return whether only the service itself uses a logger: its records are none of the app's."""
    # Not all below ``wsgi``: an app's own logger is called so, as its module is.
    return name == "wsgi.errors" or name.partition(".")[0] in ("wsgi_observe", "gunicorn")


class LoggerState:
    """The levels that settings ask for, and which loggers were disabled before."""

    def __init__(self) -> None:
        self._levels: dict[str, int] = {}
        self._disabled: set[str] = set()
        self._root_level = logging.WARNING

    def record(self, levels: Collection[str]) -> None:
        """Take the current state as the one to restore.

        :param levels: names of loggers whose levels no later configuration may change; root's
            is ``""``.
        """
        self._levels = {name: logging.getLogger(name).level for name in levels}
        self._root_level = logging.root.level
        if not config_watch.has_disabled_loggers:  # or else a configuration disabled them
            self._disabled = {one.name for one in all_loggers() if one.disabled}

    def restore(self) -> Iterator[str]:
        """Set back what has changed; yield a sentence for each change."""
        yield from self._restore_levels()
        if config_watch.has_disabled_loggers:
            config_watch.has_disabled_loggers = False
            yield from self._enable_errors()

    def _restore_levels(self) -> Iterator[str]:
        disabled = logging.root.manager.disable
        name = logging.getLevelName(disabled)
        if disabled >= min([logging.ERROR, *self._levels.values()]):
            logging.disable(logging.NOTSET)
            yield f"logging.disable({name}) hid records that log_level asks for: it was undone"
        elif disabled >= logging.INFO:
            yield f"logging.disable({name}) hides all records of the app up to {name}"
        yield from self._restore_root_level()
        for name, level in self._levels.items():
            logger = logging.getLogger(name)
            # As numbers: `logging.addLevelName` gives a level another name.
            if logger.level != level:
                current, wanted = map(logging.getLevelName, (logger.level, level))
                logger.setLevel(level)
                yield (
                    f"the level of the logger {logger.name} was set to {current}, and set back: "
                    f"log_level asks for {wanted}"
                )

    def _restore_root_level(self) -> Iterator[str]:
        """Lower a level of root that hides errors; one below that counts, if none was asked for."""
        root = logging.root
        if root.level > max(logging.ERROR, self._root_level) and "" not in self._levels:
            name = logging.getLevelName(root.level)
            root.setLevel(logging.ERROR)
            yield (
                f"the level {name} of the root logger hid errors: it was set to ERROR; set "
                f"log_level to {name} if nothing below is wanted"
            )

    def _enable_errors(self) -> Iterator[str]:
        """Have loggers that a configuration disabled still log errors; yield which they are."""
        of_apps = []
        for logger in all_loggers():
            if not logger.disabled or logger.name in self._disabled or is_kept_enabled(logger):
                continue
            if is_service_logger(logger.name):
                logger.disabled = False
                continue
            keep_errors_enabled(logger)
            self._disabled.add(logger.name)
            if may_be_of_app(logger.name):
                of_apps.append(logger.name)
        if of_apps:
            names = set(of_apps)
            highest = [name for name in of_apps if not _has_parent_in(names, name)]
            more = ", …" if len(highest) > _MAX_LISTED_LOGGERS else ""
            below = " and those below" if len(highest) < len(of_apps) else ""
            listed = ", ".join(highest[:_MAX_LISTED_LOGGERS]) + more + below
            yield (
                f"a logging configuration disabled the existing loggers {listed}: only their "
                "errors are logged; pass disable_existing_loggers=False to dictConfig or fileConfig"
            )


def _has_parent_in(names: Collection[str], name: str) -> bool:
    return any(other in names for other in accumulate(name.split(".")[:-1], "{}.{}".format))


def may_be_of_app(name: str) -> bool:
    """Return whether a logger may be the app's: not the standard library's, nor a parent of ours.

    Gunicorn makes a logger of each parent, such as that of ``py.warnings`` and ``wsgi.errors``.
    """
    is_parent = name in ("py", "wsgi") and name not in sys.modules
    return name.partition(".")[0] not in sys.stdlib_module_names and not is_parent
