"""Shared memory: inherited by forked processes, and found by a command through ``/proc``.

The memory is a file without a path (memfd_create(2)). A mapping keeps a descriptor of it, so a
process of the same user finds it below ``/proc/<pid>/fd`` for as long as the mapping exists.
Where there is no memfd, as on macOS, only forked processes share the memory.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from struct import Struct
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from wsgi_observe._loggers import get_logger
from wsgi_observe._safely import first_time

_log = get_logger("wsgi_observe.memory")

_NOT_SHARED = (
    "cannot share memory between processes (%s): there is no scoreboard, so that requests which "
    "are lost when a worker dies are not reported, and readiness does not report draining"
)


Memory: TypeAlias = "mmap.mmap | bytearray"


def create_memory(
    name: str, size: int, make_mapping: Callable[[int, int], mmap.mmap] = mmap.mmap
) -> Memory:
    """Return new memory, filled with zeros; where none can be shared, it is the process's own.

    :param name: the name by which `open_memory` finds it.
    :param make_mapping: maps a file descriptor with its size; -1 is none.
    """
    try:
        return _create_shared_memory(name, size, make_mapping)
    except OSError as error:
        if first_time(_NOT_SHARED):
            _log.warning(_NOT_SHARED, error)
        return bytearray(size)


def _create_shared_memory(
    name: str, size: int, make_mapping: Callable[[int, int], mmap.mmap]
) -> mmap.mmap:
    try:
        descriptor = os.memfd_create(name, os.MFD_CLOEXEC)
    except (OSError, AttributeError):
        return make_mapping(-1, size)
    with os.fdopen(descriptor, "r+b") as file:  # of which the mapping has a duplicate
        file.truncate(size)
        return make_mapping(descriptor, size)


def open_memory(pid: int, name: str, magic: bytes) -> mmap.mmap:
    """Map the memory that a running process has created or inherited, to read and write it.

    :param magic: its first bytes; memory that begins otherwise is of another version.
    :raises ProcessLookupError: when there is no such process.
    :raises PermissionError: when it is another user's.
    :raises LookupError: when it has no such memory.
    """
    os.kill(pid, 0)
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError, ValueError):  # closed while we look, or empty
            if link.readlink().name.partition(" ")[0] == f"memfd:{name}":
                with link.open("r+b") as file:
                    memory = mmap.mmap(file.fileno(), 0)
                if memory[: len(magic)] == magic:
                    return memory
    raise LookupError(f"process {pid} has no shared memory {name}")


def is_process_alive(pid: int) -> bool:
    """Return whether there is a process of that ID, also a zombie or another user's."""
    with suppress(PermissionError):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
    return True


_Number = TypeVar("_Number", int, float, bool)


class Fields(Protocol):
    """An object with `NumberField` attributes."""

    memory: Memory
    offset: int


class NumberField(Generic[_Number]):
    """An attribute in shared memory; a process that dies leaves the old or the new value.

    :param offset: where it is, in bytes from the `offset` of its object.
    :param code: the form of the number, as the `struct` module names it.
    """

    def __init__(self, offset: int, code: str) -> None:
        self._offset, self._struct = offset, Struct(f"={code}")

    def __get__(self, fields: Fields, owner: type[Any]) -> _Number:
        value: _Number = self._struct.unpack_from(fields.memory, fields.offset + self._offset)[0]
        return value

    def __set__(self, fields: Fields, value: _Number) -> None:
        start = fields.offset + self._offset
        fields.memory[start : start + self._struct.size] = self._struct.pack(value)
