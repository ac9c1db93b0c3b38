"""Handlers of other code: which loggers have them, what they write to, who made them."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from typing import Any

from wsgi_observe.logs.handlers.sinks import FileID, get_file_id

# By name: `logging.handlers` loads sockets and pickles.
_STOCK_HANDLERS = (
    *("logging.StreamHandler", "logging.FileHandler"),
    "logging.handlers.WatchedFileHandler",
)
# Formatters that no user chose.
_STOCK_FORMATTERS = ("logging.Formatter", "django.utils.log.ServerFormatter")

# Handlers that a user attached on purpose: to a file or over the network.
_FILE_AND_NETWORK_HANDLERS = (
    *("logging.FileHandler", "logging.handlers.SocketHandler", "logging.handlers.SysLogHandler"),
    *("logging.handlers.SMTPHandler", "logging.handlers.HTTPHandler"),
)


def all_loggers() -> list[logging.Logger]:
    """Return every logger that exists, parents before their children."""
    known = list(logging.root.manager.loggerDict.values())
    loggers = [one for one in known if isinstance(one, logging.Logger)]
    return [logging.root, *sorted(loggers, key=lambda one: one.name.count("."))]


def propagation_path(logger: logging.Logger) -> list[logging.Logger]:
    """Return the loggers whose handlers get the records of `logger`, itself first."""
    path = [logger]
    while path[-1].propagate and path[-1].parent is not None:
        path.append(path[-1].parent)
    return path


def get_console_files() -> set[FileID]:
    """Return which files the process's stdout and stderr are."""
    result = map(_get_stream_file_id, (sys.__stdout__, sys.__stderr__))
    return {file for file in result if file is not None}


def writes_to(handler: logging.Handler, files: Collection[FileID]) -> bool:
    """Return whether a handler writes to the console, or to one of `files`."""
    stream = _get_stream(handler)
    if stream is not None and any(stream is one for one in _console_streams()):
        return True
    file = _get_stream_file_id(stream)
    if file is None and isinstance(handler, logging.FileHandler):  # ``delay=True``
        file = get_file_id(handler.baseFilename)
    return file in files


def is_file_or_network_handler(handler: logging.Handler) -> bool:
    """Return whether a handler is the standard library's for files or the network."""
    return _is_instance(handler, *_FILE_AND_NETWORK_HANDLERS)


def is_replaceable(handler: logging.Handler, files: Collection[FileID]) -> bool:
    """Return whether ours replaces a handler that writes to the console, or to one of `files`.

    It does where neither the handler nor its formatter is a class of the user's own, or where
    Flask or Werkzeug attached it by default, as there was no other handler.
    """
    # Looked up, not imported: where it is not loaded there is none.
    of_flask = getattr(sys.modules.get("flask.logging"), "default_handler", None)
    if handler is of_flask or type(handler).__module__ == "werkzeug._internal":
        return True
    is_stock = _get_qualified_name(type(handler)) in _STOCK_HANDLERS
    return is_stock and is_stock_formatter(handler.formatter) and writes_to(handler, files)


def is_stock_formatter(formatter: logging.Formatter | None) -> bool:
    """Return whether a formatter is a default, and no choice of the user's."""
    return formatter is None or _get_qualified_name(type(formatter)) in _STOCK_FORMATTERS


def is_debug_only(handler: logging.Handler) -> bool:
    """Return whether a filter of Django's drops its records unless ``DEBUG`` is on.

    Django's own default is such a handler: without ``DEBUG`` a stock project logs nothing.
    """
    return any(_is_instance(one, "django.utils.log.RequireDebugTrue") for one in handler.filters)


def queue_listeners(
    handlers: Iterable[logging.Handler],
) -> Iterator[tuple[logging.Handler, Any]]:
    """Yield those handlers that are a ``QueueHandler``, each with the listener of its queue."""
    for handler in handlers:
        if _is_instance(handler, "logging.handlers.QueueHandler"):
            with suppress(Exception):  # a class of the user's
                if (listener := _get_queue_listener(handler)) is not None:
                    yield handler, listener


def _get_queue_listener(handler: Any) -> Any:
    # `dictConfig` sets it since Python 3.12. One that an app has made itself has a thread.
    listener = getattr(handler, "listener", None)
    threads = threading.enumerate() if listener is None else ()
    running = (getattr(getattr(one, "_target", None), "__self__", None) for one in threads)
    ours = (one for one in running if getattr(one, "queue", None) is handler.queue)
    return listener or next((one for one in ours if hasattr(one, "handlers")), None)


def combine_queue_handlers(
    handler: logging.Handler, listener: Any, target: logging.Handler
) -> logging.Handler:
    """Return one handler with the levels and filters of queue handler, listener and target."""
    respects_level = getattr(listener, "respect_handler_level", False)
    combined = logging.Handler(max(handler.level, target.level if respects_level else 0))
    combined.filters = [*handler.filters, *target.filters]
    return combined


def describe(handler: logging.Handler) -> str:
    """Return the class of a handler, and that of its formatter where it is the user's own."""
    formatter = getattr(handler, "formatter", None)
    name = type(handler).__name__
    return name if is_stock_formatter(formatter) else f"{name} with {type(formatter).__name__}"


def _is_instance(value: object, *names: str) -> bool:
    """Return whether a value is of a class with one of these names, or of one derived from it."""
    return any(_get_qualified_name(kind) in names for kind in type(value).__mro__)


def _get_qualified_name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _get_stream(handler: logging.Handler) -> Any:
    """Return the stream of a handler, of rich's console, or of a handler that it wraps."""
    with suppress(Exception):  # a property of the user's, which asks for a request
        if (stream := getattr(handler, "stream", None)) is not None:
            return stream
        if (console := getattr(handler, "console", None)) is not None:
            return getattr(console, "file", None)
        # As `MemoryHandler` does, and absl's.
        wrapped = (one for one in vars(handler).values() if isinstance(one, logging.Handler))
        return next((getattr(one, "stream", None) for one in wrapped), None)
    return None


def _console_streams() -> list[object]:
    of_flask = getattr(sys.modules.get("flask.logging"), "wsgi_errors_stream", None)
    return [sys.stdout, sys.stderr, *([] if of_flask is None else [of_flask])]


def _get_stream_file_id(stream: Any) -> FileID | None:
    with suppress(Exception):  # captured, closed, or a proxy
        return get_file_id(stream.fileno())
    return None
