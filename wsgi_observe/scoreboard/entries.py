"""What the table has of one worker: the process itself, and the requests that run in it."""

from __future__ import annotations

import mmap
from struct import Struct
from typing import Generic, NamedTuple, TypeVar
from zlib import adler32

from wsgi_observe.scoreboard.mirror import Mirror

WORKER_HEADER_SIZE = 64

_UINT32, _FLOAT64 = Struct("I"), Struct("d")
_UINT8, _BOOL = Struct("B"), Struct("?")


_Number = TypeVar("_Number", int, float, bool)


class _NumberField(Generic[_Number]):
    """A number in a seat, of which a process that dies leaves the old or the new value."""

    def __init__(self, offset: int, struct: Struct = _UINT32) -> None:
        self._offset, self._struct = offset, struct

    def __get__(self, worker_entry: WorkerEntry, kind: type[WorkerEntry]) -> _Number:
        value: _Number = self._struct.unpack_from(
            worker_entry.memory, worker_entry.start + self._offset
        )[0]
        return value

    def __set__(self, worker_entry: WorkerEntry, value: _Number) -> None:
        start = worker_entry.start + self._offset
        self._struct.pack_into(worker_entry.memory, start, value)
        if worker_entry.mirror is not None:
            worker_entry.mirror.write(start, start + self._struct.size)


class WorkerSnapshot(NamedTuple):
    """What a look at a seat found."""

    requests: dict[int, RunningRequest]
    """By the number of their slots."""

    corrupt: int
    """How many slots say nothing, since their writer died while it wrote."""


class WorkerEntry:
    """A worker's own part of the table; claimed by the arbiter, written by the worker."""

    pid = _NumberField[int](0)
    booted = _NumberField[bool](4, _BOOL)
    """Whether its worker has come as far as to serve."""

    signal = _NumberField[int](5, _UINT8)
    """The last signal that its worker got to exit at once; 0 for none."""

    has_logged_exit = _NumberField[bool](6, _BOOL)
    """Whether its worker has logged why it goes."""

    last_seen = _NumberField[float](8, _FLOAT64)
    """When its watchdog last looked, in seconds since the epoch."""

    overflow = _NumberField[int](16)
    """Requests that run without a slot, since all are taken."""

    stacks_requested = _NumberField[int](20)
    """How often somebody has asked for the stacks."""

    stacks_answered = _NumberField[int](24)
    """The last question that was answered."""

    stacks_descriptor = _NumberField[int](28)
    """The worker's descriptor of the file that the answer is in."""

    def __init__(
        self,
        memory: mmap.mmap | bytearray,
        start: int,
        max_requests: int,
        mirror: Mirror | None = None,
    ) -> None:
        self.memory = memory
        self.mirror = mirror
        self.start = start
        self._max_requests = max_requests

    @property
    def request_offsets(self) -> range:
        """Where its slots begin."""
        first = self.start + WORKER_HEADER_SIZE
        return range(first, first + self._max_requests * REQUEST_ENTRY.size, REQUEST_ENTRY.size)

    def read_requests(self) -> WorkerSnapshot:
        """Return what runs, or was running when its worker died."""
        requests, corrupt = {}, 0
        for number, offset in enumerate(self.request_offsets):
            if not self.memory[offset]:
                continue
            try:
                value = unpack_entry(bytes(self.memory[offset : offset + REQUEST_ENTRY.size]))
            except CorruptEntryError:
                corrupt += 1
                continue
            if value is not None:
                requests[number] = value
        return WorkerSnapshot(requests, corrupt)

    def clear(self) -> None:
        """Make it ready for the next worker."""
        end = self.request_offsets.stop
        self.memory[self.start : end] = bytes(end - self.start)
        if self.mirror is not None:
            self.mirror.write(self.start, end)

    def repair_mirror(self) -> None:
        """Write what the file of the copy has lost, as by a truncation."""
        if self.mirror is not None:
            self.mirror.repair(self.start, self.request_offsets.stop)


FREE, RUNNING, REPORTED = 0, 1, 2

MAX_TEXT_BYTES = 488
"""Bytes for the request ID, the method and the path; more of a path is cut."""

# State, length and checksum of the text, its start in seconds since the epoch, the text, and the
# start once more: a text that breaks off is found by its checksum, a start that does by the other.
# In the machine's own form: nobody else reads it. Adler-32 takes a third of the time of CRC-32, and
# what it is to find is a text that breaks off, in place of another one or of zeros.
REQUEST_ENTRY = Struct(f"BxHId{MAX_TEXT_BYTES}sd")


class RunningRequest(NamedTuple):
    """A request that was running when somebody looked."""

    request_id: str | None
    method: str
    path: str
    """As PEP 3333 has it, the bytes as Latin-1."""

    started: float
    """Seconds since the epoch."""

    is_reported: bool = False
    """Whether the log has it already that the request died."""

    def age(self, now: float) -> float:
        """Return its age in seconds, to the millisecond."""
        return elapsed_seconds(self.started, now)


class CorruptEntryError(Exception):
    """A slot whose writer died while it wrote."""


def encode_request(request_id: str | None, method: str, path: str) -> bytes:
    """Return what a slot says of a request, besides its start.

    A method has no NUL in it (RFC 9110, section 9.1), and neither has a fit request ID.
    """
    return f"{request_id or ''}\0{method}\0{path}".encode("utf-8", "replace")[:MAX_TEXT_BYTES]


def elapsed_seconds(started: float, now: float) -> float:
    """Return the seconds between the two, in whole milliseconds; a clock may be set back.

    >>> elapsed_seconds(1.0, 2.2345), elapsed_seconds(1.0, 0.0)
    (1.234, 0.0)
    """
    return int(max(0.0, now - started) * 1000) / 1000


def pack_entry(text: bytes, started: float, state: int = RUNNING) -> bytes:
    """Return a slot's bytes."""
    return REQUEST_ENTRY.pack(state, len(text), adler32(text), started, text, started)


def unpack_entry(data: bytes) -> RunningRequest | None:
    """Return the request that a slot's bytes tell of; None for a free slot.

    :raises TornError: when the bytes are not those of one whole entry.

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
    # What was cut may end within a character, or before the path begins.
    request_id, method, path = [*text.decode("utf-8", "ignore").split("\0", 2), "", ""][:3]
    return RunningRequest(request_id or None, method, path, started, state == REPORTED)
