"""The scoreboard: a table of workers and their requests in shared memory, as Apache's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from struct import Struct

from wsgi_observe._shared_memory import Memory, create_memory, open_memory
from wsgi_observe.scoreboard.entries import REQUEST_ENTRY, WORKER_HEADER_SIZE, WorkerEntry
from wsgi_observe.scoreboard.persistent import PersistentFile

_MEMORY_NAME = "wsgi_observe.inflight"
_MAGIC = b"wsgifly\x03"
_HEADER = Struct("8sIHH")  # magic, the arbiter's pid, number of workers, requests of each
_HEADER_SIZE = 64


class Scoreboard:
    """An entry for each worker, with an entry for each request that it runs.

    :param memory: shared memory, or a copy of it.
    :raises LookupError: when the memory is no scoreboard.
    """

    def __init__(self, memory: Memory) -> None:
        if len(memory) < _HEADER_SIZE or memory[: len(_MAGIC)] != _MAGIC:
            raise LookupError("no scoreboard, or one of another version")
        _, self.pid, self._worker_count, self._max_requests = _HEADER.unpack_from(memory)
        if len(memory) < _scoreboard_size(self._worker_count, self._max_requests):
            raise LookupError("a truncated scoreboard")
        self.memory = memory

    @classmethod
    def make(
        cls, worker_count: int, max_requests: int, file: PersistentFile | None = None
    ) -> Scoreboard:
        """Create a scoreboard, before the workers are forked.

        :param max_requests: how many requests of a worker have an entry.
        :param file: where to keep a copy.
        :raises OSError: where no memory can be shared, or the file cannot be written.
        """
        size = _scoreboard_size(worker_count, max_requests)
        make_memory = create_memory if file is None else file.create_memory
        memory = make_memory(_MEMORY_NAME, size)
        memory[: _HEADER.size] = _HEADER.pack(_MAGIC, os.getpid(), worker_count, max_requests)
        return cls(memory)

    @classmethod
    def of_process(cls, pid: int) -> Scoreboard:
        """Return the scoreboard of a running process, the arbiter's or a worker's.

        :raises ProcessLookupError: when there is no such process.
        :raises PermissionError: when it is another user's.
        :raises LookupError: when it has no scoreboard.
        """
        return cls(open_memory(pid, _MEMORY_NAME, _MAGIC))

    @property
    def worker_entries(self) -> Iterator[WorkerEntry]:
        """Every worker's entry, in use or not."""
        return map(self.worker_entry, range(self._worker_count))

    def worker_entry(self, number: int) -> WorkerEntry:
        """Return the entry of that number."""
        offset = _HEADER_SIZE + number * _worker_entry_size(self._max_requests)
        return WorkerEntry(self.memory, offset, self._max_requests)


def _worker_entry_size(max_requests: int) -> int:
    return WORKER_HEADER_SIZE + max_requests * REQUEST_ENTRY.size


def _scoreboard_size(worker_count: int, max_requests: int) -> int:
    return _HEADER_SIZE + worker_count * _worker_entry_size(max_requests)
