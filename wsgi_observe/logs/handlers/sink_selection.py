"""Selection of the sink for a stream: a pipe, terminal, socket, file or Python object."""

from __future__ import annotations

import fcntl
import io
import logging
import os
import stat
import sys
from contextlib import suppress
from typing import Any

from wsgi_observe.logs.handlers.sinks import (
    FD_LIMIT_ERRNOS,
    FdSink,
    FileSink,
    Sink,
    SocketSink,
    StreamSink,
    WsgiErrorsSink,
    is_reused_by_socket,
    write_if_room,
)

WSGI_ERRORS = "wsgi.errors"
_OTHER_STREAM = {"stdout": "stderr", "stderr": "stdout"}


def open_sink(stream: Any, owner: tuple[int, int] | None = None) -> tuple[Sink, str]:
    """Return the sink for a stream, and a warning to log about it, or an empty string.

    :param stream: ``stdout``, ``stderr``, ``wsgi.errors``, a file's path, or a stream itself.
    :param owner: user and group IDs of a file that is created.
    :raises OSError: for a path that cannot be opened.
    """
    if stream == WSGI_ERRORS:
        return WsgiErrorsSink(open_sink("stderr")[0]), ""
    if not isinstance(stream, str):
        return _open_stream(stream, "the stream")
    if stream not in _OTHER_STREAM:
        return FileSink(stream, owner), ""
    standard_stream = get_standard_stream(stream)
    if standard_stream is not None:
        return _open_stream(standard_stream, stream)
    other = get_standard_stream(_OTHER_STREAM[stream])
    if other is None:
        return FdSink(os.open(os.devnull, os.O_WRONLY)), ""
    return open_sink(other)[0], f"{stream} is closed: log lines go to {_OTHER_STREAM[stream]}"


def get_standard_stream(name: str) -> Any:
    """Return ``sys.stdout`` or ``sys.stderr``, None where it is closed.

    Where an app has replaced it by a stream that logs what is printed, return the original: our
    lines would be logged again, or be lost where that logger is disabled.
    """
    standard_stream = getattr(sys, name)
    if _is_logging_stream(standard_stream):
        standard_stream = getattr(sys, f"__{name}__")
    if (
        standard_stream is None
        or getattr(standard_stream, "closed", False)
        or is_reused_by_socket(_get_descriptor(standard_stream))
    ):
        return None
    return standard_stream


def _is_logging_stream(stream: Any) -> bool:
    """Return whether a stream has a logger, as Celery's ``LoggingProxy`` does."""
    attributes = getattr(stream, "__dict__", {}).values()
    return any(isinstance(one, (logging.Logger, logging.LoggerAdapter)) for one in attributes)


def is_pipe_stream(name: str) -> bool:
    """Return whether lines of several processes are atomic there only up to 4,096 bytes."""
    is_path = "/" in name
    stream = None if is_path else get_standard_stream("stderr" if name == WSGI_ERRORS else name)
    descriptor = _get_descriptor(stream)
    if descriptor is None:
        return False
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def is_terminal(name: str) -> bool:
    """Return whether a standard stream is a terminal."""
    stream = get_standard_stream(name) if name in _OTHER_STREAM else None
    # A stream of the app's may have no method but `write`.
    return stream is not None and hasattr(stream, "isatty") and bool(stream.isatty())


def _open_stream(stream: Any, name: str) -> tuple[Sink, str]:
    descriptor = _get_descriptor(stream)
    if descriptor is not None:
        with suppress(OSError):
            return open_descriptor(descriptor), ""
    warning = f"{name} is not a file, pipe or socket: writes of log lines may block"
    return StreamSink(stream), warning


def _get_descriptor(stream: Any) -> int | None:
    """Return the descriptor of a stream that writes to it and nowhere else, or None."""
    if not isinstance(stream, io.TextIOWrapper):
        return None  # it may do anything, also when it lends another one's `fileno`
    try:
        return stream.fileno()
    except (OSError, ValueError):
        return None


def open_descriptor(source: int) -> Sink:
    """Return the sink for a descriptor.

    :raises OSError: for a closed one.
    """
    mode = os.fstat(source).st_mode
    if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
        # Not this description but one of our own: O_NONBLOCK would be everybody's who shares it.
        # Opened again, a file would be written from its beginning.
        flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        with suppress(OSError):  # another user's, since the process changed its own; or no /proc
            return FdSink(os.open(f"/proc/self/fd/{source}", flags), source)
    try:
        own = fcntl.fcntl(source, fcntl.F_DUPFD_CLOEXEC, 3)
    except OSError as error:
        if error.errno not in FD_LIMIT_ERRNOS:
            raise
        own = source  # the sink is opened again when there may be one
    if stat.S_ISSOCK(mode) and own != source:
        return SocketSink(own, source)
    return FdSink(own, source, os.write if stat.S_ISREG(mode) else write_if_room)
