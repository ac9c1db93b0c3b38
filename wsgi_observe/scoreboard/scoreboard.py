"""The flight recorder's memory: shared by the arbiter, its workers and whoever asks them."""

from __future__ import annotations

import mmap
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from struct import Struct
from time import time_ns

from wsgi_observe.scoreboard.entries import REQUEST_ENTRY, WORKER_HEADER_SIZE, WorkerEntry
from wsgi_observe.scoreboard.mirror import MAGIC as MIRRORS_MAGIC
from wsgi_observe.scoreboard.mirror import Mirror, read

_MEMFD_NAME = "wsgi_observe.inflight"
_MAGIC = b"wsgifly\x02"
_HEADER = Struct("8sIHHQ")  # magic, the arbiter's pid, seats, slots of each, when it was made
_HEADER_SIZE = 64


class Scoreboard:
    """A seat for each worker, with a slot for each request that runs in it.

    Made before the fork, in a file without a path (memfd_create(2)), which a command of the same
    user finds below ``/proc/<pid>/fd``. Where there is none, as on macOS, the memory is shared with
    children only.

    :raises OSError: where no memory can be shared.
    """

    def __init__(
        self, memory: mmap.mmap | bytearray, descriptor: int = -1, mirror: Mirror | None = None
    ) -> None:
        """Take what `make` has mapped, or what was read.

        :raises LookupError: for what is no table.
        """
        if len(memory) < _HEADER_SIZE or memory[: len(_MAGIC)] != _MAGIC:
            raise LookupError("no table of running requests")
        _, self.pid, self._worker_count, self._max_requests, self.created_ns = _HEADER.unpack_from(
            memory
        )
        self.memory = memory
        self.descriptor = descriptor
        self._mirror = mirror
        if len(memory) < _scoreboard_size(self._worker_count, self._max_requests):
            raise LookupError("a table that is cut off")

    @classmethod
    def make(
        cls, worker_entries: int, max_requests: int, mirror_descriptor: int = -1
    ) -> Scoreboard:
        """Return a new one.

        :param kept: the descriptor of a file that it is copied to, if it is.
        """
        size = _scoreboard_size(worker_entries, max_requests)
        descriptor = -1
        with suppress(OSError, AttributeError):
            descriptor = os.memfd_create(_MEMFD_NAME, os.MFD_CLOEXEC)
            os.ftruncate(descriptor, size)
        memory = mmap.mmap(descriptor, size)
        _HEADER.pack_into(memory, 0, _MAGIC, os.getpid(), worker_entries, max_requests, time_ns())
        return cls(
            memory, descriptor, None if mirror_descriptor < 0 else Mirror(memory, mirror_descriptor)
        )

    @classmethod
    def open(cls, descriptor: int) -> Scoreboard:
        """Return the table in memory that another process has made.

        :raises LookupError: when there is none.
        """
        try:
            return cls(mmap.mmap(descriptor, 0))
        except ValueError as error:  # an empty file
            raise LookupError("no table of running requests") from error

    @classmethod
    def read(cls, descriptor: int) -> Scoreboard:
        """Return a copy of the table that was kept in a file.

        :raises LookupError: when there is none.
        """
        memory = read(descriptor)
        if memory[: len(MIRRORS_MAGIC)] != MIRRORS_MAGIC:
            raise LookupError("no table of running requests")
        memory[: len(_MAGIC)] = _MAGIC
        return cls(memory)

    @classmethod
    def of_process(cls, pid: int) -> Scoreboard:
        """Return the table of a running process, the arbiter's or a worker's.

        :raises ProcessLookupError: when there is no such process.
        :raises PermissionError: when it is another user's.
        :raises LookupError: when it has none.
        """
        os.kill(pid, 0)
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError, LookupError):  # closed while we read, or not ours to open
                # Others than regular files may notice that they are opened.
                if stat.S_ISREG(link.stat().st_mode) and _has_magic(link):
                    return _open_link(link)
        raise LookupError(f"process {pid} has no table of running requests")

    @property
    def worker_entries(self) -> Iterator[WorkerEntry]:
        """All of them, taken or not."""
        return map(self.worker_entry, range(self._worker_count))

    def worker_entry(self, number: int) -> WorkerEntry:
        """Return the seat of that number."""
        start = _HEADER_SIZE + number * _worker_entry_size(self._max_requests)
        return WorkerEntry(self.memory, start, self._max_requests, self._mirror)


def _worker_entry_size(max_requests: int) -> int:
    return WORKER_HEADER_SIZE + max_requests * REQUEST_ENTRY.size


def _scoreboard_size(worker_entries: int, max_requests: int) -> int:
    return _HEADER_SIZE + worker_entries * _worker_entry_size(max_requests)


def _has_magic(link: Path) -> bool:
    with link.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def _open_link(link: Path) -> Scoreboard:
    descriptor = os.open(link, os.O_RDWR)
    try:
        return Scoreboard.open(descriptor)
    finally:
        os.close(descriptor)
