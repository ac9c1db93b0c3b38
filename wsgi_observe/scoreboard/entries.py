"""What the table has of one worker: the process itself, and the requests that run in it."""

from __future__ import annotations

import mmap
from struct import Struct
from typing import Generic, NamedTuple, TypeVar
from zlib import adler32

from wsgi_observe.scoreboard.mirror import Mirror

SEAT_SIZE = 64

_WORD, _SECONDS = Struct("I"), Struct("d")
_BYTE, _FLAG = Struct("B"), Struct("?")


_Number = TypeVar("_Number", int, float, bool)


class _Word(Generic[_Number]):
    """A number in a seat, of which a process that dies leaves the old or the new value."""

    def __init__(self, offset: int, form: Struct = _WORD) -> None:
        self._offset, self._form = offset, form

    def __get__(self, seat: Seat, kind: type[Seat]) -> _Number:
        found: _Number = self._form.unpack_from(seat.memory, seat.start + self._offset)[0]
        return found

    def __set__(self, seat: Seat, value: _Number) -> None:
        start = seat.start + self._offset
        self._form.pack_into(seat.memory, start, value)
        if seat.mirror is not None:
            seat.mirror.write(start, start + self._form.size)


class Flights(NamedTuple):
    """What a look at a seat found."""

    flights: dict[int, Flight]
    """By the number of their slots."""

    torn: int
    """How many slots say nothing, since their writer died while it wrote."""


class Seat:
    """A worker's own part of the table; claimed by the arbiter, written by the worker."""

    pid = _Word[int](0)
    booted = _Word[bool](4, _FLAG)
    """Whether its worker has come as far as to serve."""

    signal = _Word[int](5, _BYTE)
    """The last signal that its worker got to exit at once; 0 for none."""

    explained = _Word[bool](6, _FLAG)
    """Whether its worker has logged why it goes."""

    seen = _Word[float](8, _SECONDS)
    """When its watchdog last looked, in seconds since the epoch."""

    beyond = _Word[int](16)
    """Requests that run without a slot, since all are taken."""

    asked = _Word[int](20)
    """How often somebody has asked for the stacks."""

    answered = _Word[int](24)
    """The last question that was answered."""

    answer = _Word[int](28)
    """The worker's descriptor of the file that the answer is in."""

    def __init__(
        self,
        memory: mmap.mmap | bytearray,
        start: int,
        slots: int,
        mirror: Mirror | None = None,
    ) -> None:
        self.memory = memory
        self.mirror = mirror
        self.start = start
        self._slots = slots

    @property
    def offsets(self) -> range:
        """Where its slots begin."""
        first = self.start + SEAT_SIZE
        return range(first, first + self._slots * FORM.size, FORM.size)

    def look(self) -> Flights:
        """Return what runs, or was running when its worker died."""
        flights, torn = {}, 0
        for number, offset in enumerate(self.offsets):
            if not self.memory[offset]:
                continue
            try:
                found = unpack(bytes(self.memory[offset : offset + FORM.size]))
            except TornError:
                torn += 1
                continue
            if found is not None:
                flights[number] = found
        return Flights(flights, torn)

    def clear(self) -> None:
        """Make it ready for the next worker."""
        end = self.offsets.stop
        self.memory[self.start : end] = bytes(end - self.start)
        if self.mirror is not None:
            self.mirror.write(self.start, end)

    def repair_mirror(self) -> None:
        """Write what the file of the copy has lost, as by a truncation."""
        if self.mirror is not None:
            self.mirror.repair(self.start, self.offsets.stop)


FREE, RUNNING, TOLD = 0, 1, 2

ROOM = 488
"""Bytes for the request ID, the method and the path; more of a path is cut."""

# State, length and checksum of the text, its start in seconds since the epoch, the text, and the
# start once more: a text that breaks off is found by its checksum, a start that does by the other.
# In the machine's own form: nobody else reads it. Adler-32 takes a third of the time of CRC-32, and
# what it is to find is a text that breaks off, in place of another one or of zeros.
FORM = Struct(f"BxHId{ROOM}sd")


class Flight(NamedTuple):
    """A request that was running when somebody looked."""

    request_id: str | None
    method: str
    path: str
    """As PEP 3333 has it, the bytes as Latin-1."""

    started: float
    """Seconds since the epoch."""

    told: bool = False
    """Whether the log has it already that the request died."""

    def age(self, now: float) -> float:
        """Return its age in seconds, to the millisecond."""
        return age_of(self.started, now)


class TornError(Exception):
    """A slot whose writer died while it wrote."""


def text_of(request_id: str | None, method: str, path: str) -> bytes:
    """Return what a slot says of a request, besides its start.

    A method has no NUL in it (RFC 9110, section 9.1), and neither has a fit request ID.
    """
    return f"{request_id or ''}\0{method}\0{path}".encode("utf-8", "replace")[:ROOM]


def age_of(started: float, now: float) -> float:
    """Return the seconds between the two, in whole milliseconds; a clock may be set back.

    >>> age_of(1.0, 2.2345), age_of(1.0, 0.0)
    (1.234, 0.0)
    """
    return int(max(0.0, now - started) * 1000) / 1000


def pack(text: bytes, started: float, state: int = RUNNING) -> bytes:
    """Return a slot's bytes."""
    return FORM.pack(state, len(text), adler32(text), started, text, started)


def unpack(data: bytes) -> Flight | None:
    """Return the request that a slot's bytes tell of; None for a free slot.

    :raises TornError: when the bytes are not those of one whole entry.

    >>> data = pack(text_of("abc", "GET", "/orders"), started=1.5)
    >>> unpack(data)
    Flight(request_id='abc', method='GET', path='/orders', started=1.5, told=False)
    """
    state, length, checksum, started, text, again = FORM.unpack(data)
    if state == FREE:
        return None
    text = text[:length]
    if state not in (RUNNING, TOLD) or not 0 < length <= ROOM:
        raise TornError
    if adler32(text) != checksum or started != again:
        raise TornError
    # What was cut may end within a character, or before the path begins.
    request_id, method, path = [*text.decode("utf-8", "ignore").split("\0", 2), "", ""][:3]
    return Flight(request_id or None, method, path, started, state == TOLD)
