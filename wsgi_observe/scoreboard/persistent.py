"""The persistent copy of the scoreboard: a file that outlives the arbiter and its container."""

from __future__ import annotations

import fcntl
import os
from mmap import mmap
from pathlib import Path
from typing import Any

from wsgi_observe._safely import call_safely, warn_once
from wsgi_observe._shared_memory import Memory, create_memory

_MAX_FILES = 8
_MAX_BYTES = 1 << 28
_WRITING = "writing the running requests to the file of recorder_path"
_HEAD_SIZE = 8  # bytes by which the scoreboard is recognized


class PersistentFile:
    """Copy shared memory to a file by system calls; an error costs the copy and one WARNING.

    The file is not mapped: a process that touches mapped memory of a truncated file is ended by
    SIGBUS (mmap(2)), and anybody may truncate the file of a volume.

    :param descriptor: that of the file, which is locked for as long as a process has it open.
    """

    _memory: Memory

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        status = os.fstat(descriptor)
        self._inode, self._device = status.st_ino, status.st_dev

    @classmethod
    def open(cls, path: str) -> tuple[PersistentFile, list[bytearray]]:
        """Return a file to write to, and the contents that earlier servers have left.

        Where another server has the lock, as during an upgrade (USR2) or for a neighbour on the
        same volume, the next name is taken: ``path``, ``path.1`` and so on. What was left in any
        of them is removed, so that it is returned once.

        :raises OSError: when no file can be opened.
        """
        own: PersistentFile | None = None
        contents = []
        for number in range(_MAX_FILES):
            file = Path(f"{path}.{number}" if number else path)
            if own is not None and not file.exists():
                continue
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if not _lock(descriptor):
                os.close(descriptor)
                continue
            contents.append(_read(descriptor))
            os.ftruncate(descriptor, 0)
            if own is None:
                own = cls(descriptor)
            else:
                os.close(descriptor)  # not unlinked: a neighbour may be about to lock it
        if own is None:
            raise OSError(f"{path} and its next {_MAX_FILES - 1} names are in use by other servers")
        return own, contents

    def create_memory(self, name: str, size: int) -> Memory:
        """Return shared memory, each change of which is copied to this file.

        :raises OSError: where the file cannot have that size; the file is closed.
        """
        self._memory = create_memory(name, size, PersistentMemory)
        if isinstance(self._memory, PersistentMemory):  # and not the process's own
            self._memory.file = self
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(self._descriptor, 0, size)  # while the disk has space
            self._write(0, size)
        except OSError:
            self.close()
            raise
        return self._memory

    def write(self, start: int, end: int) -> None:
        """Copy a part of the memory as it is now."""
        try:
            self._write(start, end)
        except OSError:
            warn_once(_WRITING)

    def repair(self, start: int, end: int) -> None:
        """Copy everything up to `end` again, if the file has lost its head or this part."""
        call_safely(_WRITING, self._repair, start, end)

    def close(self) -> None:
        """Close the file, and so unlock it."""
        os.close(self._descriptor)

    def _repair(self, start: int, end: int) -> None:
        if not (self._is_copied(0, _HEAD_SIZE) and self._is_copied(start, end)):
            size = len(self._memory)
            self._write(size - 1, size)  # a file that is too short is not read
            self._write(0, end)

    def _is_copied(self, start: int, end: int) -> bool:
        return os.pread(self._descriptor, end - start, start) == self._memory[start:end]

    def _write(self, start: int, end: int) -> None:
        # Other code may have closed it, and got its number for a file of its own.
        status = os.fstat(self._descriptor)
        if status.st_ino == self._inode and status.st_dev == self._device:
            os.pwrite(self._descriptor, self._memory[start:end], start)


class PersistentMemory(mmap):
    """Shared memory, each change of which is copied to a file.

    An index is a number, or a slice with a start and an end.
    """

    file: PersistentFile

    def __setitem__(self, key: Any, value: Any) -> None:
        mmap.__setitem__(self, key, value)
        if isinstance(key, slice):
            self.file.write(key.start, key.stop)
        else:
            self.file.write(key, key + 1)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(descriptor: int) -> bytearray:
    with os.fdopen(descriptor, "rb", closefd=False) as file:
        return bytearray(file.read(_MAX_BYTES))
