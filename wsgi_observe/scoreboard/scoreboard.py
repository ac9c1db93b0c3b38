"""The scoreboard: a table of workers and their requests in shared memory, as Apache's."""

from __future__ import annotations

import os
from struct import Struct
from typing import NamedTuple
from zlib import adler32

from wsgi_observe._shared_memory import Memory, NumberField, create_memory, open_memory
from wsgi_observe.scoreboard.persistent import PersistentFile, PersistentMemory

_MEMORY_NAME = "wsgi_observe.inflight"
_MAGIC = b"wsgifly\x03"
_HEADER = Struct("8sIHH")  # magic, the arbiter's pid, number of workers, requests of each
_HEADER_SIZE = 64
WORKER_HEADER_SIZE = 64


class Scoreboard:
    """An entry for each worker, with an entry for each request that it runs.

    :param memory: shared memory, or a copy of it.
    :raises LookupError: when the memory is no scoreboard.
    """

    def __init__(self, memory: Memory) -> None:
        if len(memory) < _HEADER_SIZE or memory[: len(_MAGIC)] != _MAGIC:
            raise LookupError("no scoreboard, or one of another version")
        _, self.pid, worker_count, max_requests = _HEADER.unpack_from(memory)
        if len(memory) < _worker_offset(worker_count, max_requests):
            raise LookupError("a truncated scoreboard")
        self.memory = memory
        self.worker_entries = [
            WorkerEntry(memory, number, max_requests) for number in range(worker_count)
        ]

    @classmethod
    def make(
        cls, worker_count: int, max_requests: int, file: PersistentFile | None = None
    ) -> Scoreboard:
        """Create a scoreboard, before the workers are forked.

        :param max_requests: how many requests of a worker have an entry.
        :param file: where to keep a copy.
        :raises OSError: where the file cannot be written.
        """
        make_memory = create_memory if file is None else file.create_memory
        memory = make_memory(_MEMORY_NAME, _worker_offset(worker_count, max_requests))
        memory[0 : _HEADER.size] = _HEADER.pack(_MAGIC, os.getpid(), worker_count, max_requests)
        return cls(memory)

    @classmethod
    def of_process(cls, pid: int) -> Scoreboard:
        """Return the scoreboard of a running process, the arbiter's or a worker's.

        :raises ProcessLookupError: when there is no such process.
        :raises PermissionError: when it is another user's.
        :raises LookupError: when it has no scoreboard.
        """
        return cls(open_memory(pid, _MEMORY_NAME, _MAGIC))


def _worker_offset(number: int, max_requests: int) -> int:
    """Return where the entry of a worker begins; those before it are of the same size."""
    return _HEADER_SIZE + number * (WORKER_HEADER_SIZE + max_requests * REQUEST_ENTRY.size)


class WorkerSnapshot(NamedTuple):
    """The requests of a worker at one moment."""

    requests: dict[int, RunningRequest]
    """By the number of their entries."""

    corrupt: int
    """How many entries cannot be read, because their worker died while it wrote them."""

    overflow: int
    """How many requests have no entry, because all are in use."""


class WorkerEntry:
    """One worker's entry: assigned by the arbiter, written by the worker.

    :param number: its number among the entries, from 0.
    :ivar request_offsets: where in the memory its request entries begin.
    """

    pid = NumberField[int](0, "I")
    booted = NumberField[bool](4, "?")
    """Whether the worker serves requests."""

    signal = NumberField[int](5, "B")
    """The last signal that ends the worker at once; 0 for none."""

    has_logged_exit = NumberField[bool](6, "?")
    """Whether the worker has logged why it exits."""

    last_seen = NumberField[float](8, "d")
    """When its watchdog last ran, in seconds since the epoch."""

    overflow = NumberField[int](16, "I")
    """Requests that run without an entry, because all are in use."""

    stacks_requested = NumberField[int](20, "I")
    """How often the stacks were requested."""

    stacks_answered = NumberField[int](24, "I")
    """The value of `stacks_requested` for which there are stacks."""

    def __init__(self, memory: Memory, number: int, max_requests: int) -> None:
        self.memory, self.number = memory, number
        self.offset = _worker_offset(number, max_requests)
        end = _worker_offset(number + 1, max_requests)
        self.request_offsets = range(self.offset + WORKER_HEADER_SIZE, end, REQUEST_ENTRY.size)

    def read_requests(self) -> WorkerSnapshot:
        """Return what the worker runs, or was running when it died."""
        requests, corrupt = {}, 0
        for number, offset in enumerate(self.request_offsets):
            if not self.memory[offset]:
                continue
            try:
                request = unpack_entry(bytes(self.memory[offset : offset + REQUEST_ENTRY.size]))
            except CorruptEntryError:
                corrupt += 1
            else:
                if request is not None:
                    requests[number] = request
        return WorkerSnapshot(requests, corrupt, self.overflow)

    def clear(self) -> None:
        """Reset the entry for the next worker."""
        end = self.request_offsets.stop
        self.memory[self.offset : end] = bytes(end - self.offset)

    @property
    def file(self) -> PersistentFile | None:
        """The file that changes of the memory are copied to, if any."""
        return self.memory.file if isinstance(self.memory, PersistentMemory) else None

    def repair_file(self) -> None:
        """Write what the file has lost, as by a truncation."""
        if self.file is not None:
            self.file.repair(self.offset, self.request_offsets.stop)


FREE, RUNNING, REPORTED = 0, 1, 2

MAX_TEXT_BYTES = 488
"""Bytes for request ID, method and path together; a longer path is cut."""

# State, length and checksum of the text, start time in seconds since the epoch, the text, and the
# start time again: a text that was written in part fails its checksum, a start time its comparison.
# In the machine's own byte order: no other machine reads it. Adler-32 takes a third of the time of
# CRC-32, and detects what can happen: a text written in part over another one or over zeros.
REQUEST_ENTRY = Struct(f"BxHId{MAX_TEXT_BYTES}sd")


class RunningRequest(NamedTuple):
    """A request as its entry has it."""

    request_id: str | None
    method: str
    path: str
    """Its bytes as Latin-1 (PEP 3333)."""

    started: float
    """Seconds since the epoch."""

    is_reported: bool = False
    """Whether its death has been logged."""

    def age(self, now: float) -> float:
        """Return its age in seconds, to the millisecond."""
        return elapsed_seconds(self.started, now)


class CorruptEntryError(Exception):
    """An entry whose worker died while it wrote."""


def encode_request(request_id: str | None, method: str, path: str) -> bytes:
    """Return the text of an entry.

    A method has no NUL in it (RFC 9110, section 9.1), and neither has a valid request ID.
    """
    return f"{request_id or ''}\0{method}\0{path}".encode("utf-8", "replace")[:MAX_TEXT_BYTES]


def elapsed_seconds(started: float, now: float) -> float:
    """Return the seconds between the two, in whole milliseconds; 0.0 if the clock was set back.

    >>> elapsed_seconds(1.0, 2.2345), elapsed_seconds(1.0, 0.0)
    (1.234, 0.0)
    """
    return int(max(0.0, now - started) * 1000) / 1000


def pack_entry(text: bytes, started: float, state: int = RUNNING) -> bytes:
    """Return the bytes of an entry."""
    return REQUEST_ENTRY.pack(state, len(text), adler32(text), started, text, started)


def unpack_entry(data: bytes) -> RunningRequest | None:
    """Return the request of an entry's bytes; None for a free entry.

    :raises CorruptEntryError: when the bytes are not those of one whole entry.

    >>> data = pack_entry(encode_request("abc", "GET", "/orders"), started=1.5)
    >>> unpack_entry(data)
    RunningRequest(request_id='abc', method='GET', path='/orders', started=1.5, is_reported=False)
    """
    state, length, checksum, started, text, started_again = REQUEST_ENTRY.unpack(data)
    if state == FREE:
        return None
    text = text[:length]
    if state not in (RUNNING, REPORTED) or not 0 < length <= MAX_TEXT_BYTES:
        raise CorruptEntryError
    if adler32(text) != checksum or started != started_again:
        raise CorruptEntryError
    # A text that was cut may end within a character, or before the path begins.
    request_id, method, path = [*text.decode("utf-8", "ignore").split("\0", 2), "", ""][:3]
    return RunningRequest(request_id or None, method, path, started, state == REPORTED)
