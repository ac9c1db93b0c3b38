"""Which way into a stream fits it: a pipe, a terminal, a socket, a file, a Python object."""

from __future__ import annotations

import fcntl
import io
import logging
import os
import stat
import sys
from typing import Any

from wsgi_observe.logs.handlers.sinks import (
    NO_MORE_DESCRIPTORS,
    AskedPipe,
    Borrowed,
    Descriptor,
    File,
    Pipe,
    Plain,
    ServerErrors,
    Sink,
    Socket,
    is_reused,
)

WSGI_ERRORS = "wsgi.errors"
_OTHER = {"stdout": "stderr", "stderr": "stdout"}


def open_sink(stream: Any, owner: tuple[int, int] | None = None) -> tuple[Sink, str]:
    """Return the way into a stream, and what has to be said about it, if anything.

    :param stream: ``stdout``, ``stderr``, ``wsgi.errors``, a file's path, or a stream itself.
    :param owner: user and group IDs that a file which is created belongs to.
    :raises OSError: for a path that cannot be opened.
    """
    if stream == WSGI_ERRORS:
        return ServerErrors(open_sink("stderr")[0]), ""
    if not isinstance(stream, str):
        return _open_object(stream, "the stream")
    if stream not in _OTHER:
        return File(stream, owner), ""
    found = standard(stream)
    if found is not None:
        return _open_object(found, stream)
    other = standard(_OTHER[stream])
    if other is None:
        return Descriptor(os.open(os.devnull, os.O_WRONLY)), ""
    return open_sink(other)[0], f"{stream} is closed: log lines go to {_OTHER[stream]}"


def standard(name: str) -> Any:
    """Return ``sys.stdout`` or ``sys.stderr``, None where it is closed.

    Where an app has put a stream in its place that logs what is printed, it is the original: our
    lines would be logged again, or be lost where that logger is disabled.
    """
    found = getattr(sys, name)
    if _logs_what_it_is_given(found):
        found = getattr(sys, f"__{name}__")
    if found is None or getattr(found, "closed", False) or is_reused(_descriptor_of(found)):
        return None
    return found


def _logs_what_it_is_given(stream: Any) -> bool:
    """Return whether a stream keeps a logger, as Celery's ``LoggingProxy`` does."""
    kept = getattr(stream, "__dict__", {}).values()
    return any(isinstance(one, (logging.Logger, logging.LoggerAdapter)) for one in kept)


def is_pipe(name: str) -> bool:
    """Return whether lines there are kept apart only up to 4,096 bytes."""
    stream = standard("stderr" if name == WSGI_ERRORS else name) if "/" not in name else None
    descriptor = _descriptor_of(stream)
    if descriptor is None:
        return False
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def is_terminal(name: str) -> bool:
    """Return whether a person reads it."""
    stream = standard(name) if name in _OTHER else None
    # What an app puts in its place may have no more than a `write`.
    return stream is not None and hasattr(stream, "isatty") and bool(stream.isatty())


def _open_object(stream: Any, name: str) -> tuple[Sink, str]:
    descriptor = _descriptor_of(stream)
    if descriptor is not None:
        try:
            return open_descriptor(descriptor), ""
        except OSError:
            pass
    return Plain(stream), f"{name} is captured: a log line waits for whoever reads it"


def _descriptor_of(stream: Any) -> int | None:
    """Return a stream's descriptor where what it is given goes there and nowhere else."""
    if not isinstance(stream, io.TextIOWrapper):
        return None  # it may do anything, also when it lends another one's `fileno`
    try:
        return stream.fileno()
    except (OSError, ValueError):
        return None


def open_descriptor(source: int) -> Sink:
    """Return the way into what a descriptor stands for.

    :raises OSError: when there is none.
    """
    try:
        return _open_own(source)
    except OSError as error:
        if error.errno not in NO_MORE_DESCRIPTORS:
            raise
        return Borrowed(source)


def _open_own(source: int) -> Sink:
    mode = os.fstat(source).st_mode
    if stat.S_ISSOCK(mode):
        return Socket(_copy(source), source)
    if not (stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)):
        # Opened anew, a file would be written from its beginning.
        return Descriptor(_copy(source), source)
    # Not this description but one of our own: O_NONBLOCK would be everybody's who shares it.
    flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        own = os.open(f"/proc/self/fd/{source}", flags)
    except OSError:  # another user's, since the process changed its own; or no /proc
        return AskedPipe(_copy(source), source)
    return Pipe(own, source) if stat.S_ISFIFO(mode) else Descriptor(own, source)


def _copy(descriptor: int) -> int:
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3)
