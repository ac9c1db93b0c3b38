"""Question 10: do log lines go to standard output, and not to files?"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from wsgi_observe.doctor.answer import Fault
from wsgi_observe.doctor.app.subject import Subject
from wsgi_observe.doctor.own_code import find_line
from wsgi_observe.doctor.question import Faults
from wsgi_observe.doctor.recording.log_delivery import get_path, get_stream_path, is_on_disk
from wsgi_observe.doctor.trials.log_sources import find_final_handlers
from wsgi_observe.logs import foreign_handlers as foreign
from wsgi_observe.logs.handlers.stream import LineHandler
from wsgi_observe.logs.installation import installation

_REMEDY = (
    "logging.StreamHandler(sys.stdout) in place of the file: the platform collects that,\n"
    "and keeps and rotates it"
)
_LOGURU_REMEDY = "loguru.logger.add(sys.stdout, serialize=True) in place of the file"
_STRUCTLOG_REMEDY = "structlog.PrintLoggerFactory() without a file, which is standard output"
_GUNICORN_REMEDY = 'accesslog = "-" and errorlog = "-", which are standard output and error'


def find_faults(subject: Subject) -> Faults:
    """Look at the handlers of all loggers, at loguru's and structlog's sinks, and at Gunicorn's.

    Whether the app runs in a container is not known here. A file is a fault if the lines are
    nowhere else, and a risk if they are on standard output, too.
    """
    yield from _find_handler_files(subject)
    yield from _find_loguru_files()
    yield from _find_structlog_files()
    yield from _find_gunicorn_files(subject)
    return "no handler writes to a file"


def _make_fault(
    source: str, path: str, is_copy: bool, where: str | None, remedy: str = _REMEDY
) -> Fault:
    """Return a fault; a warning if nothing is missing where the platform looks for it.

    :param source: whose records are written to the file.
    :param is_copy: whether they go to standard output or error, too.
    """
    effect = " alone, which is lost with the container"
    if is_copy:
        effect = ", beside standard output or error: it fills the container's disk"
    return Fault(f"{source} writes to the file {path}{effect}", remedy, where, is_copy)


def _find_handler_files(subject: Subject) -> Iterator[Fault]:
    seen = set[int]()
    for logger in foreign.all_loggers():
        for handler in find_final_handlers(logger.handlers):
            path = get_path(handler)
            if path is None or id(handler) in seen:
                continue
            seen.add(id(handler))
            watch = subject.logging_watch
            where = watch.find_attachment(logger, handler) or watch.find_handler(handler)
            source = f"{type(handler).__name__} on {logger.name}"
            yield _make_fault(source, path, _has_console(logger), where)


def _has_console(logger: logging.Logger) -> bool:
    """Return whether the records of a logger may get to standard output or error, too."""
    files = foreign.get_console_files()
    handlers = [handler for step in foreign.propagation_path(logger) for handler in step.handlers]
    return any(_may_be_console(handler, files) for handler in find_final_handlers(handlers))


def _may_be_console(handler: logging.Handler, files: Any) -> bool:
    if isinstance(handler, logging.NullHandler) or foreign.is_debug_only(handler):
        return False
    if isinstance(handler, LineHandler | logging.FileHandler):
        return get_path(handler) is None and getattr(handler, "baseFilename", "") != os.devnull
    if foreign.writes_to(handler, files):
        return True
    module = type(handler).__module__
    # Mail, sockets and queues are elsewhere; of a class of the app's own nothing is known.
    return module not in ("logging", "logging.handlers", "django.utils.log")


def _find_loguru_files() -> Iterator[Fault]:
    loguru: Any = sys.modules.get("loguru")
    if loguru is None:
        return
    with suppress(AttributeError):  # of another version
        sinks = [handler._sink for handler in loguru.logger._core.handlers.values()]
        paths = [str(path) for sink in sinks if (path := getattr(sink, "_path", None)) is not None]
        is_copy = any(hasattr(sink, "_stream") for sink in sinks)
        where = find_line(r"\blogger\.add\(")
        for path in filter(is_on_disk, paths):
            yield _make_fault("loguru", path, is_copy, where, _LOGURU_REMEDY)


def _find_structlog_files() -> Iterator[Fault]:
    structlog: Any = sys.modules.get("structlog")
    if structlog is None:
        return
    factory = structlog.get_config()["logger_factory"]
    path = get_stream_path(getattr(factory, "_file", None))
    if path is not None:
        where = find_line(r"\w+LoggerFactory\(")
        yield _make_fault("structlog", path, False, where, _STRUCTLOG_REMEDY)


def _find_gunicorn_files(subject: Subject) -> Iterator[Fault]:
    """Yield the files of Gunicorn's own settings."""
    settings = subject.gunicorn or {}
    for name in ("errorlog", "accesslog"):
        path = settings.get(name)
        if not isinstance(path, str) or path in ("", "-") or not is_on_disk(path):
            continue
        source = f"Gunicorn's {name}"
        if name == "errorlog" and settings.get("capture_output"):
            source = "Gunicorn's errorlog, with standard output by capture_output,"
        # The lines of our handlers have Gunicorn's messages, too.
        is_copy, where = bool(installation.handlers), subject.find_setting(name)
        yield _make_fault(source, path, is_copy, where, _GUNICORN_REMEDY)
