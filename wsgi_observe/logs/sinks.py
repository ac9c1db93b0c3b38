"""The ways in which bytes enter a stream without waiting for its reader."""

from __future__ import annotations

import _socket  # not `socket`: gevent's would make the description that others share non-blocking
import json
import os
import re
import select
from contextlib import suppress
from typing import Any, Protocol

_not_ascii = re.compile("[^\x00-\x7f]")


class Sink(Protocol):
    """Where lines go."""

    is_pipe: bool
    """Whether it keeps lines of several processes apart only up to 4,096 bytes."""

    def write(self, data: bytes) -> int:
        """Write what fits and return how much that was; raise BlockingIOError for nothing.

        :raises OSError: when it takes nothing any more.
        """

    def wait(self, seconds: float) -> bool:
        """Wait until it takes a whole line, and tell whether it does."""

    def is_stale(self) -> bool:
        """Tell whether its name has come to stand for another file."""

    def close(self) -> None:
        """Give the descriptor back."""


class Descriptor:
    """A descriptor of our own that never blocks: a file, or a pipe that was opened anew.

    :param source: the descriptor it was made of, which is watched for another file.
    """

    is_pipe = False

    def __init__(self, descriptor: int, source: int | None = None) -> None:
        self._own = descriptor
        self._source = source
        self._is = _identity(descriptor)

    def write(self, data: bytes) -> int:
        """Write; a pipe takes up to 4,096 bytes whole or not at all."""
        return os.write(self._own, data)

    def wait(self, seconds: float) -> bool:
        """Wait for room: in a pipe that is a free page, not the rest of one."""
        poll = select.poll()  # found here at each call: under gevent it is one that yields
        poll.register(self._own, select.POLLOUT)
        return bool(poll.poll(seconds * 1000))

    def is_stale(self) -> bool:
        """Tell whether either descriptor means another file: closed by a daemon, or moved to."""
        if _identity(self._own) != self._is:
            self._own = -1  # somebody else's by now
            return True
        source = None if self._source is None else _identity(self._source)
        return source is not None and source != self._is

    def close(self) -> None:
        """Close our own descriptor."""
        if _identity(self._own) == self._is:
            with suppress(OSError):
                os.close(self._own)
        self._own = -1


class Pipe(Descriptor):
    """A pipe, opened anew so as not to block."""

    is_pipe = True


class AskedPipe(Pipe):
    """A pipe that could not be opened anew: asked for room before each write."""

    def write(self, data: bytes) -> int:
        """Write if there is room for a line."""
        poll = select.poll()
        poll.register(self._own, select.POLLOUT)
        if not poll.poll(0):
            raise BlockingIOError
        return os.write(self._own, data)


class Socket(Descriptor):
    """A socket, such as journald's."""

    is_pipe = True

    def __init__(self, descriptor: int, source: int | None = None) -> None:
        super().__init__(descriptor, source)
        self._socket = _socket.socket(fileno=descriptor)

    def write(self, data: bytes) -> int:
        """Send what fits."""
        return self._socket.send(data, _socket.MSG_DONTWAIT)

    def close(self) -> None:
        """Close our own descriptor."""
        self._socket.detach()
        super().close()


class File:
    """A file by its path: appended to, and opened again where it was rotated away.

    :param owner: user and group IDs that the file belongs to where this creates it.
    """

    is_pipe = False

    def __init__(self, path: str, owner: tuple[int, int] | None = None) -> None:
        self._path = path
        self._owner = owner
        self._own = -1
        self._open()

    def write(self, data: bytes) -> int:
        """Append, to the file that has the name now."""
        # A worker that serves as another user may not create files where its arbiter may: the
        # rotated file takes its lines until there is a new one.
        with suppress(PermissionError):
            try:
                now = os.stat(self._path)  # noqa: PTH116
                is_same = (now.st_dev, now.st_ino) == self._is
            except FileNotFoundError:
                is_same = False
            if not is_same:
                self._open()
        return os.write(self._own, data)

    def wait(self, seconds: float) -> bool:
        """Return: a file is never waited for."""
        return True

    def is_stale(self) -> bool:
        """Tell whether a daemon has closed it."""
        if _identity(self._own) == self._is:
            return False
        self._own = -1
        return True

    def close(self) -> None:
        """Close it."""
        if not self.is_stale():
            os.close(self._own)
            self._own = -1

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
        if self._own >= 0:
            os.close(self._own)
        self._own = opened
        self._is = _identity(opened)


class Plain:
    """A stream of Python's own, such as one that a test captures: nothing keeps it from waiting."""

    is_pipe = False

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, data: bytes) -> int:
        """Write, in ASCII where the stream's encoding has no more."""
        text = data.decode()
        try:
            self._stream.write(text)
        except UnicodeEncodeError:
            self._stream.write(_not_ascii.sub(lambda match: json.dumps(match[0])[1:-1], text))
        if hasattr(self._stream, "flush"):
            self._stream.flush()
        return len(data)

    def wait(self, seconds: float) -> bool:
        """Return: it has waited already."""
        return True

    def is_stale(self) -> bool:
        """Tell whether it was closed, as captured streams are at the end of a test."""
        return bool(getattr(self._stream, "closed", False))

    def close(self) -> None:
        """Leave it open: it is not ours."""


def _identity(descriptor: int) -> tuple[int, int] | None:
    """Return which file a descriptor means, None where it is closed."""
    try:
        found = os.fstat(descriptor)
    except OSError:
        return None
    return found.st_dev, found.st_ino
