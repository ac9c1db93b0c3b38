"""Watch of the app's logging: which loggers its own code names, and where it configures them."""

from __future__ import annotations

import functools
import importlib.util
import logging
import logging.config
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from traceback import walk_stack
from typing import Any

from wsgi_observe.doctor.own_code import find_caller, format_place, is_own_file


class LoggingWatch:
    """Notes places in the app's own code while it is loaded and serves.

    :ivar loggers: the names that the app's own code gets loggers by, with the place of the first.
    :ivar disabled: the loggers that a configuration has disabled, as
        ``disable_existing_loggers`` does, with the place of that configuration.
    :ivar levels: where the level of a logger was set.
    """

    def __init__(self) -> None:
        self.loggers: dict[str, str] = {}
        self.disabled: dict[str, str | None] = {}
        self.levels: dict[str, str | None] = {}
        # Handlers are kept, so that no other one gets the same `id`.
        self._made: dict[int, tuple[logging.Handler, str | None]] = {}
        self._attached: dict[tuple[str, int], str | None] = {}
        self._is_loading = True
        # What everything goes through.
        _wrap(logging.Manager, "getLogger", after=self._note_logger)
        _wrap(logging.Handler, "__init__", after=self._note_handler)
        _wrap(logging.Logger, "addHandler", after=self._note_attachment)
        _wrap(logging.Logger, "setLevel", after=self._note_level)
        if hasattr(logging.config, "_handle_existing_loggers"):
            _wrap(logging.config, "_handle_existing_loggers", after=self._note_disabled)

    def end_loading(self) -> None:
        """Note no more handlers that are added: a request goes through much of the app's code."""
        self._is_loading = False

    def is_attached_early(self, logger: logging.Logger, handler: logging.Handler) -> bool:
        """Return whether a handler was added to a logger while the app was loaded."""
        return (logger.name, id(handler)) in self._attached

    def find_attachment(self, logger: logging.Logger, handler: logging.Handler) -> str | None:
        """Return where the app's code added a handler to a logger while it was loaded."""
        return self._attached.get((logger.name, id(handler)))

    def find_handler(self, handler: logging.Handler) -> str | None:
        """Return where a handler was made by the app's code."""
        return self._made.get(id(handler), (handler, None))[1]

    def get_app_loggers(self) -> list[str]:
        """Return the loggers that the app's own code gets, but for those of libraries."""
        return [name for name in list(self.loggers) if is_of_app(name)]

    @contextmanager
    def collect_records(self) -> Iterator[list[logging.LogRecord]]:
        """Give a list that is filled with the records that are made within the block."""
        records: list[logging.LogRecord] = []
        make = logging.getLogRecordFactory()

        def make_and_keep(*args: Any, **kwargs: Any) -> logging.LogRecord:
            record = make(*args, **kwargs)
            records.append(record)
            return record

        logging.setLogRecordFactory(make_and_keep)
        try:
            yield records
        finally:
            logging.setLogRecordFactory(make)

    def _note_logger(self, logger: Any, manager: object, name: str) -> None:
        callers = (frame for frame, _ in walk_stack(sys._getframe(1)))
        frame = next(one for one in callers if not _is_logging(one.f_code.co_filename))
        # Not what a library or a `dictConfig` asks for.
        if is_own_file(frame.f_code.co_filename):
            self.loggers.setdefault(name, format_place(frame.f_code.co_filename, frame.f_lineno))

    def _note_handler(self, result: None, handler: logging.Handler, *_: Any, **__: Any) -> None:
        self._made[id(handler)] = (handler, find_caller(sys._getframe(1)))

    def _note_attachment(self, result: None, logger: logging.Logger, hdlr: logging.Handler) -> None:
        if self._is_loading:
            self._attached[logger.name, id(hdlr)] = find_caller(sys._getframe(1))

    def _note_level(self, result: None, logger: logging.Logger, *_: Any, **__: Any) -> None:
        self.levels[logger.name] = find_caller(sys._getframe(1))

    def _note_disabled(self, result: None, existing: list[str], *_: Any, **__: Any) -> None:
        place = find_caller(sys._getframe(1))
        for name in existing:
            if getattr(logging.root.manager.loggerDict.get(name), "disabled", False):
                self.disabled.setdefault(name, place)


def is_of_app(name: str) -> bool:
    """Return whether a logger's name is of no module that is installed."""
    top = name.partition(".")[0]
    if top in sys.stdlib_module_names or top in ("py", "root", "wsgi_observe"):
        return False
    try:
        spec = importlib.util.find_spec(top) if top.isidentifier() else None
    except (ImportError, ValueError, AttributeError):
        return True  # such as `__main__`, or a module that the app has made
    return spec is None or spec.origin is None or is_own_file(spec.origin)


def _is_logging(file: str) -> bool:
    return file.startswith(str(Path(logging.__file__).parent)) or file == __file__


def _wrap(owner: Any, name: str, after: Callable[..., None]) -> None:
    """Replace a function by one that calls `after` with its result and its arguments."""
    function = getattr(owner, name)

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        after(result, *args, **kwargs)
        return result

    setattr(owner, name, wrapper)
