"""Sinks: non-blocking writes to a file, pipe, socket or Python stream."""

from __future__ import annotations

import _socket  # not `socket`: gevent's would make the description that others share non-blocking
import errno
import json
import os
import re
import select
import stat
from collections.abc import Callable
from contextlib import suppress
from operator import attrgetter
from typing import Any, Protocol

from wsgi_observe.context import current_context

_to_file_id = attrgetter("st_dev", "st_ino")

FileID = tuple[int, int]
"""Device and inode number, which identify a file also when its path or descriptor is reused."""

FD_LIMIT_ERRNOS = (errno.EMFILE, errno.ENFILE)

_not_ascii = re.compile("[^\x00-\x7f]")


def get_file_id(file: int | str) -> FileID | None:
    """Return which file a descriptor or path means; None where it is closed or missing."""
    try:
        return _to_file_id(os.stat(file))  # noqa: PTH116
    except OSError:
        return None


class LostDescriptorError(OSError):
    """Other code has closed the descriptor of a sink, and may have got its number since."""

    def __init__(self) -> None:
        super().__init__(errno.EBADF, "its descriptor was closed by other code")


class Sink(Protocol):
    """Where lines go; what is not overridden is that of a stream that takes each line whole."""

    def write(self, data: bytes) -> int:
        """Write what fits and return how many bytes; raise BlockingIOError where nothing fits.

        :raises LostDescriptorError: when it has to be reopened.
        :raises OSError: when it cannot be written to any more.
        """

    def get_end(self) -> object:
        """Return a value that changes when other code writes to the stream, or replaces it."""
        return None

    def wait(self, seconds: float) -> bool:
        """Wait for room for a whole line, and return whether there is."""
        return True

    def is_stale(self) -> bool:
        """Return whether it has to be opened again."""
        return False

    def close(self) -> None:
        """Close the descriptor, if it is our own."""
        return


def write_if_room(descriptor: int, data: bytes) -> int:
    """Write to a pipe or socket that blocks: not before there is room for a line."""
    if not _wait_for_room(descriptor, 0):
        raise BlockingIOError
    return os.write(descriptor, data)


def _wait_for_room(descriptor: int, seconds: float) -> bool:
    """Wait for room: in a pipe that is a free page, not the rest of one."""
    poll = select.poll()  # found here at each call: under gevent it is one that yields
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(seconds * 1000))


class FdSink(Sink):
    """A descriptor that is written to without blocking.

    :param descriptor: one of our own; or `source` itself, while the process is at its limit of
        open files.
    :param source: the descriptor it was made of, which is watched for another file.
    :param write: writes to it without blocking; a pipe takes up to 4,096 bytes whole or not at all.
    """

    def __init__(
        self,
        descriptor: int,
        source: int | None = None,
        write: Callable[[int, bytes], int] = os.write,
    ) -> None:
        self._fd = descriptor
        self._source = source
        self._write = write
        self._identity = get_file_id(descriptor)

    def write(self, data: bytes) -> int:
        """Write what fits."""
        try:
            status = os.fstat(self._fd)  # as `_is_lost` does; each line would pay for the call
        except OSError:
            raise LostDescriptorError from None
        if _to_file_id(status) != self._identity:
            self._fd = -1
            raise LostDescriptorError
        return self._write(self._fd, data)

    def get_end(self) -> object:
        """Return which stream it is, and of a file how long."""
        try:
            status = os.fstat(self._fd)
        except OSError:
            return None
        return _to_file_id(status), status.st_size if stat.S_ISREG(status.st_mode) else 0

    def wait(self, seconds: float) -> bool:
        """Wait for room for a whole line."""
        return _wait_for_room(self._fd, seconds)

    def is_stale(self) -> bool:
        """Return whether the descriptor is lost or not our own, or its source another file."""
        if self._is_lost() or self._fd == self._source:
            return True
        source = None if self._source is None else get_file_id(self._source)
        return (
            source is not None
            and source != self._identity
            and not is_reused_by_socket(self._source)
        )

    def close(self) -> None:
        """Close the descriptor, if it is our own."""
        if self._fd != self._source and not self._is_lost():
            with suppress(OSError):
                os.close(self._fd)
        self._fd = -1

    def _is_lost(self) -> bool:
        """Return whether the descriptor is closed, or another stream's by now.

        Daemons close all that are open, and the next socket gets the number.
        """
        if self._fd >= 0 and get_file_id(self._fd) == self._identity:
            return False
        self._fd = -1
        return True


class SocketSink(FdSink):
    """A socket, such as journald's."""

    def __init__(self, descriptor: int, source: int) -> None:
        self._socket = _socket.socket(fileno=descriptor)
        super().__init__(
            descriptor, source, lambda _, data: self._socket.send(data, _socket.MSG_DONTWAIT)
        )

    def close(self) -> None:
        """Close the descriptor."""
        self._socket.detach()
        super().close()


class FileSink(FdSink):
    """A file by its path: appended to, and opened again where it was rotated away.

    :param owner: user and group IDs that the file belongs to where this creates it.
    """

    def __init__(self, path: str, owner: tuple[int, int] | None = None) -> None:
        super().__init__(-1)
        self._path = path
        self._owner = owner
        try:
            self._open()
        except OSError as error:
            if error.errno not in FD_LIMIT_ERRNOS:
                raise  # while there are none, each write tries again

    def write(self, data: bytes) -> int:
        """Append to the file that has this path now."""
        try:
            named, own = os.stat(self._path), os.fstat(self._fd)  # noqa: PTH116
            is_same = _to_file_id(named) == _to_file_id(own) == self._identity
        except OSError:
            is_same = False
        if not is_same:
            self._reopen_if_moved()
        return os.write(self._fd, data)

    def get_end(self) -> object:
        """Return which file has this path now, and how long it is."""
        self._reopen_if_moved()
        return super().get_end()

    def _reopen_if_moved(self) -> None:
        """Open the file that has this path, where it is another one or ours was closed."""
        if self._is_lost():
            self._open()
            return
        # A worker that serves as another user may not create files where its arbiter may: the
        # rotated file takes its lines until there is a new one.
        with suppress(PermissionError):
            if get_file_id(self._path) != self._identity:
                self._open()

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            opened = os.open(self._path, flags | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            opened = os.open(self._path, flags)
        else:
            if self._owner is not None:
                with suppress(PermissionError):  # as the workers' user itself
                    os.fchown(opened, *self._owner)
        self.close()
        self._fd = opened
        self._identity = get_file_id(opened)


class StreamSink(Sink):
    """A Python stream without a descriptor, such as a captured one: writes may block."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, data: bytes) -> int:
        """Write; characters that the stream's encoding lacks are escaped."""
        text = data.decode()
        try:
            self._stream.write(text)
        except UnicodeEncodeError:
            self._stream.write(_not_ascii.sub(lambda match: json.dumps(match[0])[1:-1], text))
        if hasattr(self._stream, "flush"):
            self._stream.flush()
        return len(data)

    def is_stale(self) -> bool:
        """Return whether it was closed, as captured streams are at the end of a test."""
        return bool(getattr(self._stream, "closed", False))


class WsgiErrorsSink:
    """Writes to ``wsgi.errors`` of the current request, and to another sink outside a request."""

    def __init__(self, fallback: Sink) -> None:
        self._write_outside = fallback.write
        # The stream of a request takes each line whole, and its server closes it.
        self.get_end, self.wait = fallback.get_end, fallback.wait
        self.is_stale, self.close = fallback.is_stale, fallback.close

    def write(self, data: bytes) -> int:
        """Write."""
        context = current_context()
        stream = context.environ.get("wsgi.errors") if context is not None else None
        return self._write_outside(data) if stream is None else StreamSink(stream).write(data)


def is_reused_by_socket(descriptor: int | None) -> bool:
    """Return whether stdout or stderr was closed and a connection has its descriptor now.

    A stream that was redirected, mostly by ``dup2``, is a file, a pipe or a terminal.
    """
    if (
        descriptor not in _INITIAL_IDENTITIES
        or get_file_id(descriptor) == _INITIAL_IDENTITIES[descriptor]
    ):
        return False
    with suppress(OSError):
        return stat.S_ISSOCK(os.fstat(descriptor).st_mode)
    return False


_INITIAL_IDENTITIES = {number: get_file_id(number) for number in (1, 2)}
