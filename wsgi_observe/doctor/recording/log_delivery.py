"""Log files of the app, and other places for its records, which get none of the doctor's."""

from __future__ import annotations

import functools
import logging
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from logging.handlers import HTTPHandler, SMTPHandler, SocketHandler, SysLogHandler
from pathlib import Path
from typing import Any

from wsgi_observe.doctor.recording.sandbox import Sandbox
from wsgi_observe.logs.handlers.stream import LineHandler

_SENDING = (SMTPHandler, HTTPHandler, SocketHandler, SysLogHandler)
_MAX_LINKS = 40


def stop_delivery() -> None:
    """Have no handler write to a file, or send mails or messages, from now on.

    Lines of the doctor's requests would push those of the service out of files that rotate.
    """
    for cls in (logging.Handler, LineHandler):
        _stop_delivery_of(cls)
    loguru: Any = sys.modules.get("loguru._file_sink")
    if loguru is not None:
        loguru.FileSink.write = lambda self, message: None


def _stop_delivery_of(cls: Any) -> None:
    handle = cls.handle

    @functools.wraps(handle)
    def handle_on_console(self: logging.Handler, record: logging.LogRecord) -> Any:
        is_delivered = isinstance(self, _SENDING) or type(self).__module__ == "django.utils.log"
        return record if is_delivered or get_path(self) is not None else handle(self, record)

    cls.handle = handle_on_console


@contextmanager
def without_delivery(sandbox: Sandbox) -> Iterator[None]:
    """Deny connections within the block: records of the doctor are not mailed to anybody.

    That this is denied is no line of the app, so handlers do not print it.
    """
    before, logging.raiseExceptions = logging.raiseExceptions, False
    try:
        with sandbox.without_network():
            yield
    finally:
        logging.raiseExceptions = before


def get_path(handler: logging.Handler) -> str | None:
    """Return the file that a handler writes to, if it is one on a disk."""
    if isinstance(handler, LineHandler):
        path = handler.path
    elif isinstance(handler, logging.FileHandler):
        path = handler.baseFilename
    else:
        return get_stream_path(getattr(handler, "stream", None))
    return path if path and is_on_disk(path) else None


def get_stream_path(stream: Any) -> str | None:
    """Return the path of an open file, if it is not what standard output or error is."""
    path = getattr(stream, "name", None)
    with suppress(OSError, ValueError, AttributeError, TypeError):
        status = os.fstat(stream.fileno())
        console = [os.fstat(descriptor) for descriptor in (1, 2)]
        is_console = any(os.path.samestat(status, one) for one in console)
        if stat.S_ISREG(status.st_mode) and not is_console and isinstance(path, str):
            return path
    return None


def is_on_disk(path: str) -> bool:
    """Return whether a path is that of a regular file, or of none yet.

    What ``/dev/stdout`` is depends on the process, so its links are not followed.
    """
    file = Path(path)
    for _ in range(_MAX_LINKS):
        if file.is_relative_to("/dev") or file.is_relative_to("/proc"):
            return file.is_relative_to("/dev/shm")
        if not file.is_symlink():
            break
        file = Path(os.path.normpath(file.parent / file.readlink()))
    return not file.exists() or file.is_file()
