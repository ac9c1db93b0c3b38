"""What the table has of one worker: the process itself, and the requests that run in it."""

from __future__ import annotations

import mmap
from struct import Struct
from typing import Generic, NamedTuple, TypeVar

from wsgi_observe.inflight.mirror import Mirror
from wsgi_observe.inflight.slot import FORM, Flight, TornError, unpack

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
