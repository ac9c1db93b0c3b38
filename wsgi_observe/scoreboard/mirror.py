"""A copy of the table in a file, kept up to date by system calls.

The file is not mapped: a process that touches mapped memory of a truncated file is ended by
SIGBUS (mmap(2)), and anybody may truncate the file of a volume.
"""

from __future__ import annotations

import mmap
import os

from wsgi_observe._safely import warn_once

MAGIC = b"wsgikept"
"""How the file begins, in place of the table's own beginning: it is none that can be asked."""


class Mirror:
    """Writes parts of the table to the file; an error costs the copy and one WARNING.

    :param memory: the table.
    :param descriptor: the file's.
    :raises OSError: where the file cannot have the table's size.
    """

    def __init__(self, memory: mmap.mmap, descriptor: int) -> None:
        self._memory = memory
        self._descriptor = descriptor
        result = os.fstat(descriptor)
        self._file_id = result.st_dev, result.st_ino
        os.ftruncate(descriptor, 0)
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(descriptor, 0, len(memory))  # while there is room
        self._write_to_file(len(MAGIC), len(memory))
        os.pwrite(descriptor, MAGIC, 0)

    def write(self, start: int, end: int) -> None:
        """Copy a part of the table as it is now."""
        try:
            self._write_to_file(start, end)
        except OSError:
            warn_once("keeping the running requests in the file of recorder_path")

    def repair(self, start: int, end: int) -> None:
        """Copy the table's head and a part again, if the file has lost either."""
        try:
            size = len(MAGIC)
            if (
                os.pread(self._descriptor, size, 0) == MAGIC
                and os.pread(self._descriptor, end - start, start) == self._memory[start:end]
            ):
                return
            self._write_to_file(size, end)
            self._write_to_file(len(self._memory) - 1, len(self._memory))  # as long as it was
            os.pwrite(self._descriptor, MAGIC, 0)
        except OSError:
            warn_once("keeping the running requests in the file of recorder_path")

    def _write_to_file(self, start: int, end: int) -> None:
        result = os.fstat(self._descriptor)
        # Other code may have closed it, and got its number for a file of its own.
        if (result.st_dev, result.st_ino) == self._file_id:
            os.pwrite(self._descriptor, self._memory[start:end], start)


def read(descriptor: int, max_bytes: int = 1 << 28) -> bytearray:
    """Return what a file has, that was a mirror."""
    size = min(os.fstat(descriptor).st_size, max_bytes)
    result = bytearray()
    while len(result) < size and (chunk := os.pread(descriptor, size - len(result), len(result))):
        result += chunk
    return result
