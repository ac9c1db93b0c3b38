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
        found = os.fstat(descriptor)
        self._is = found.st_dev, found.st_ino
        os.ftruncate(descriptor, 0)
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(descriptor, 0, len(memory))  # while there is room
        self._put(len(MAGIC), len(memory))
        os.pwrite(descriptor, MAGIC, 0)

    def write(self, start: int, end: int) -> None:
        """Copy a part of the table as it is now."""
        try:
            self._put(start, end)
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
            self._put(size, end)
            self._put(len(self._memory) - 1, len(self._memory))  # as long as it was
            os.pwrite(self._descriptor, MAGIC, 0)
        except OSError:
            warn_once("keeping the running requests in the file of recorder_path")

    def _put(self, start: int, end: int) -> None:
        found = os.fstat(self._descriptor)
        # Other code may have closed it, and got its number for a file of its own.
        if (found.st_dev, found.st_ino) == self._is:
            os.pwrite(self._descriptor, self._memory[start:end], start)


def read(descriptor: int, longest: int = 1 << 28) -> bytearray:
    """Return what a file has, that was a mirror."""
    size = min(os.fstat(descriptor).st_size, longest)
    found = bytearray()
    while len(found) < size and (chunk := os.pread(descriptor, size - len(found), len(found))):
        found += chunk
    return found
