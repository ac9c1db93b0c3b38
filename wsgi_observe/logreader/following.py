"""Following of a log file that grows, as ``tail -F`` does: through rotation and truncation."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from wsgi_observe.logreader.blocks import MAX_LINE_BYTES
from wsgi_observe.logreader.inputs import InputError

_READ_BYTES = 1 << 18


class FollowedFile:
    """A file whose new lines are read, whatever is at its path.

    :param last: how many of the lines that are there already are read; None for all.
    """

    def __init__(self, path: Path, last: int | None = 10) -> None:
        self.path = path
        self._rest = b""
        try:
            self._file: BinaryIO = path.open("rb", buffering=0)
            if last is not None:
                self._file.seek(_find_last_lines(self._file, last))
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror or error}") from error

    def read_lines(self) -> list[bytes]:
        """Return the lines that were written since the last call, as many as one read has."""
        data = self._file.read(_READ_BYTES) or self._reopen()
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > MAX_LINE_BYTES:
            self._rest = b""
        return lines

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _reopen(self) -> bytes:
        """Return what is in the file that is now at the path, if that is another one."""
        mine = os.fstat(self._file.fileno())
        try:
            now = self.path.stat()
        except OSError:  # moved away, and the next one is not there yet
            return b""
        if not os.path.samestat(now, mine):
            # A process may have written to the old file until now.
            return self._file.read(_READ_BYTES) or self._open_new()
        if now.st_size < self._file.tell():
            self._rest = b""
            self._file.seek(0)
        return self._file.read(_READ_BYTES)

    def _open_new(self) -> bytes:
        try:
            new = self.path.open("rb", buffering=0)
        except OSError:
            return b""
        self._file.close()
        self._file = new
        # The last line of the old file ends with it.
        return (b"\n" if self._rest else b"") + new.read(_READ_BYTES)


def _find_last_lines(file: BinaryIO, number: int) -> int:
    """Return where the last lines of a file begin."""
    end = file.seek(0, os.SEEK_END)
    if number <= 0:
        return end
    position, newlines = end, 0
    while position > 0:
        size = min(_READ_BYTES, position)
        file.seek(position - size)
        data = file.read(size)
        at = len(data) - (1 if position == end and data.endswith(b"\n") else 0)
        while (at := data.rfind(b"\n", 0, at)) >= 0:
            newlines += 1
            if newlines == number:
                return position - size + at + 1
        position -= size
    return 0
