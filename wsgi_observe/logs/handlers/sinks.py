"""Sinks: non-blocking writes to a file, pipe, socket or Python stream."""

from __future__ import annotations

import _socket  # not `socket`: gevent's would make the description that others share non-blocking
import errno
import json
import os
import re
import select
import stat
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
    """Where lines go."""

    def write(self, data: bytes) -> int:
        """Write what fits and return how many bytes; raise BlockingIOError where nothing fits.

        :raises LostDescriptorError: when it has to be reopened.
        :raises OSError: when it cannot be written to any more.
        """

    def get_end(self) -> object:
        """Return a value that changes when other code writes to the stream, or replaces it."""

    def wait(self, seconds: float) -> bool:
        """Wait for room for a whole line, and return whether there is."""

    def is_stale(self) -> bool:
        """Return whether it has to be opened again."""

    def close(self) -> None:
        """Close the descriptor."""


class FdSink:
    """A descriptor of our own that never blocks: a file, or a pipe that was opened again.

    :param source: the descriptor it was made of, which is watched for another file.
    """

    def __init__(self, descriptor: int, source: int | None = None) -> None:
        self._fd = descriptor
        self._source = source
        self._identity = get_file_id(descriptor)

    def write(self, data: bytes) -> int:
        """Write; a pipe takes up to 4,096 bytes whole or not at all."""
        try:
            status = os.fstat(self._fd)  # as `_check_own` does; each line would pay for the call
        except OSError:
            raise LostDescriptorError from None
        if _to_file_id(status) != self._identity:
            self._fd = -1
            raise LostDescriptorError
        return os.write(self._fd, data)

    def get_end(self) -> object:
        """Return which stream it is, and of a file how long."""
        return _get_fd_end(self._fd)

    def _check_own(self) -> None:
        """Raise LostDescriptorError where the descriptor is another stream's by now.

        Daemons close all that are open, and the next socket gets the number.
        """
        if get_file_id(self._fd) != self._identity:
            self._fd = -1
            raise LostDescriptorError

    def wait(self, seconds: float) -> bool:
        """Wait for room: in a pipe that is a free page, not the rest of one."""
        poll = select.poll()  # found here at each call: under gevent it is one that yields
        poll.register(self._fd, select.POLLOUT)
        return bool(poll.poll(seconds * 1000))

    def is_stale(self) -> bool:
        """Return whether a daemon closed our descriptor, or the source is another file by now."""
        if get_file_id(self._fd) != self._identity:
            self._fd = -1  # somebody else's by now
            return True
        source = None if self._source is None else get_file_id(self._source)
        return (
            source is not None
            and source != self._identity
            and not is_reused_by_socket(self._source)
        )

    def close(self) -> None:
        """Close our own descriptor."""
        if get_file_id(self._fd) == self._identity:
            with suppress(OSError):
                os.close(self._fd)
        self._fd = -1


class PipeSink(FdSink):
    """A pipe, opened again so that writes do not block."""


class PolledPipe(PipeSink):
    """A pipe that could not be opened again: polled before each write."""

    def write(self, data: bytes) -> int:
        """Write if there is room for a line."""
        self._check_own()
        poll = select.poll()
        poll.register(self._fd, select.POLLOUT)
        if not poll.poll(0):
            raise BlockingIOError
        return os.write(self._fd, data)


class SocketSink(FdSink):
    """A socket, such as journald's."""

    def __init__(self, descriptor: int, source: int | None = None) -> None:
        super().__init__(descriptor, source)
        self._socket = _socket.socket(fileno=descriptor)

    def write(self, data: bytes) -> int:
        """Send what fits."""
        self._check_own()
        return self._socket.send(data, _socket.MSG_DONTWAIT)

    def close(self) -> None:
        """Close our own descriptor."""
        self._socket.detach()
        super().close()


class BorrowedFdSink(PolledPipe):
    """The stream's own descriptor, while the process is at its limit of open files.

    Reopened at the next look, when there may be one.
    """

    def __init__(self, source: int) -> None:
        super().__init__(source, source)
        self._is_socket = stat.S_ISSOCK(os.fstat(source).st_mode)

    def write(self, data: bytes) -> int:
        """Write if there is room."""
        if not self._is_socket:
            return super().write(data)
        self._check_own()
        stream = _socket.socket(fileno=self._fd)
        try:
            return stream.send(data, _socket.MSG_DONTWAIT)
        finally:
            stream.detach()

    def is_stale(self) -> bool:
        """Return True: a descriptor of our own is tried again at the next check."""
        return True

    def close(self) -> None:
        """Leave it open: it is not ours."""
        self._fd = -1


class FileSink:
    """A file by its path: appended to, and opened again where it was rotated away.

    :param owner: user and group IDs that the file belongs to where this creates it.
    """

    def __init__(self, path: str, owner: tuple[int, int] | None = None) -> None:
        self._path = path
        self._owner = owner
        self._fd = -1
        self._identity: FileID | None = None
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
        return _get_fd_end(self._fd)

    def _reopen_if_moved(self) -> None:
        """Open the file that has this path, where it is another one or ours was closed."""
        if self.is_stale():
            self._open()
            return
        # A worker that serves as another user may not create files where its arbiter may: the
        # rotated file takes its lines until there is a new one.
        with suppress(PermissionError):
            if get_file_id(self._path) != self._identity:
                self._open()

    def wait(self, seconds: float) -> bool:
        """Return True: a file needs no waiting."""
        return True

    def is_stale(self) -> bool:
        """Return whether a daemon has closed it."""
        if self._fd >= 0 and get_file_id(self._fd) == self._identity:
            return False
        self._fd = -1
        return True

    def close(self) -> None:
        """Close it."""
        if not self.is_stale():
            os.close(self._fd)
            self._fd = -1

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
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = opened
        self._identity = get_file_id(opened)


class StreamSink:
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

    def get_end(self) -> object:
        """Return None: a line is always written whole."""
        return None

    def wait(self, seconds: float) -> bool:
        """Return True: `write` has waited."""
        return True

    def is_stale(self) -> bool:
        """Return whether it was closed, as captured streams are at the end of a test."""
        return bool(getattr(self._stream, "closed", False))

    def close(self) -> None:
        """Leave it open: it is not ours."""


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


def _get_fd_end(descriptor: int) -> object:
    """Return which file a descriptor means, and the size of a regular one."""
    try:
        status = os.fstat(descriptor)
    except OSError:
        return None
    is_file = stat.S_ISREG(status.st_mode)
    return status.st_dev, status.st_ino, status.st_size if is_file else 0


_INITIAL_IDENTITIES = {number: get_file_id(number) for number in (1, 2)}


class WsgiErrorsSink:
    """Writes to ``wsgi.errors`` of the current request, and to another sink outside a request."""

    def __init__(self, fallback: Sink) -> None:
        self._fallback = fallback

    def write(self, data: bytes) -> int:
        """Write."""
        context = current_context()
        stream = context.environ.get("wsgi.errors") if context is not None else None
        if stream is None:
            return self._fallback.write(data)
        return StreamSink(stream).write(data)

    def get_end(self) -> object:
        """Return the end of the stream outside a request; a server's takes a line whole."""
        return self._fallback.get_end()

    def wait(self, seconds: float) -> bool:
        """Wait for the stream outside a request; writing to a server's has waited."""
        return self._fallback.wait(seconds)

    def is_stale(self) -> bool:
        """Return whether the stream outside a request has to be opened again."""
        return self._fallback.is_stale()

    def close(self) -> None:
        """Close the stream outside a request; the server closes its own."""
        self._fallback.close()
