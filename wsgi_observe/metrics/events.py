"""Event counts in shared memory: written by one process without waiting, read by any other.

Nothing is counted until metrics are on: then the process has a table.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from struct import Struct
from threading import RLock
from time import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    # Imported by all who log: the module itself loads a good deal.
    from wsgi_observe._shared_memory import Memory

REQUESTS_DIED = "died_requests"
"""Requests that died, by their cause."""

REQUESTS_SLOW = "slow_requests"
"""Requests that were logged as slow."""

REQUESTS_REJECTED = "rejected_requests"
"""Requests that the server has rejected before it called the app, by the status code."""

LOG_LINES_LOST = "lost_log_lines"
"""Log lines that were dropped, by their stream."""

LOG_LINES_BUFFERED = "buffered_log_lines"
"""Log lines that wait for room in their stream, by the stream."""

LOG_STREAM_BLOCKED = "blocked_log_streams"
"""Whether a stream takes no log lines, by the stream."""

READINESS_CHECK = "readiness_check"
"""Whether a check has passed; the label is 1 or 0 for whether it is critical, and its name."""

OTHER = "_OTHER"
"""The label of events of which there are too many kinds."""

OF_LIVING_PROCESS = (LOG_LINES_BUFFERED, LOG_STREAM_BLOCKED)
"""Values that hold only while their process runs; all others are counts."""

# Whether the row is used, value, time of the last change, length of the key, key.
_ROW = Struct("=?7xddH166s")
_NUMBERS = Struct("=dd")
_NUMBERS_OFFSET, _KEY_OFFSET = 8, 26
_MAX_KEY_BYTES = 166
_MAX_ROWS = 128
_ROWS_FOR_OTHER = 8


class Event(NamedTuple):
    """How often something has happened, or the value that it has."""

    name: str
    label: str
    value: float
    at: float
    """When that changed last, in seconds since the epoch."""


class EventTable:
    """The events of one process, which goes on with what an earlier one has left in the memory.

    No lock of a client library is involved: a signal handler counts the request that it
    interrupts, which may hold that lock.

    :param offset: where in `memory` the table begins.
    """

    SIZE = _MAX_ROWS * _ROW.size

    def __init__(self, memory: Memory, offset: int = 0) -> None:
        self._memory, self._offset = memory, offset
        self._lock = RLock()  # re-entrant: a signal handler may interrupt its owner
        self._rows: dict[tuple[str, str], int] = {}
        for row, event in self._iter_rows():
            self._rows[event.name, event.label] = row

    def add(self, name: str, label: str = "", amount: float = 1.0) -> None:
        """Add to a count."""
        with self._lock:
            offset = self._find_or_add_row(name, label)
            value = _NUMBERS.unpack_from(self._memory, offset + _NUMBERS_OFFSET)[0]
            self._write(offset, value + amount)

    def set(self, name: str, label: str, value: float) -> None:
        """Set a value."""
        with self._lock:
            self._write(self._find_or_add_row(name, label), value)

    def read(self) -> list[Event]:
        """Return all events."""
        return [event for _, event in self._iter_rows()]

    def end_process(self) -> None:
        """Reset what holds only while the process runs; the counts stay."""
        for name, label in list(self._rows):
            if name in OF_LIVING_PROCESS:
                self.set(name, label, 0.0)

    def _iter_rows(self) -> Iterator[tuple[int, Event]]:
        for row in range(_MAX_ROWS):
            offset = self._offset + row * _ROW.size
            is_used, value, at, length, key = _ROW.unpack_from(self._memory, offset)
            if not is_used:
                return
            name, _, label = key[:length].decode("utf-8", "ignore").partition("\0")
            yield offset, Event(name, label, value, at)

    def _find_or_add_row(self, name: str, label: str) -> int:
        if (name, label) in self._rows:
            return self._rows[name, label]
        if len(self._rows) >= _MAX_ROWS - _ROWS_FOR_OTHER and label != OTHER:
            return self._find_or_add_row(name, OTHER)
        offset = self._offset + len(self._rows) * _ROW.size
        key = f"{name}\0{label}".encode("utf-8", "replace")[:_MAX_KEY_BYTES]
        _ROW.pack_into(self._memory, offset, False, 0.0, 0.0, len(key), key)
        self._memory[offset] = 1  # once the rest is there: another process reads it
        self._rows[name, label] = offset
        return offset

    def _write(self, offset: int, value: float) -> None:
        start = offset + _NUMBERS_OFFSET
        self._memory[start : start + _NUMBERS.size] = _NUMBERS.pack(value, time())


_table: EventTable | None = None


def use_table(table: EventTable | None) -> None:
    """Count the events of this process in `table` from now on; None for nowhere."""
    global _table
    _table = table


# A table has one writer: a forked process has to be given one of its own.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: use_table(None))


def add_event(name: str, label: str = "", amount: float = 1.0) -> None:
    """Count something that has happened in this process."""
    if _table is not None:
        _table.add(name, label, amount)


def set_value(name: str, label: str, value: float) -> None:
    """Set a value that holds for this process."""
    if _table is not None:
        _table.set(name, label, value)


def sum_events(tables: Iterable[EventTable], name: str) -> dict[str, float]:
    """Return the values of an event over several processes, added up by label."""
    sums: dict[str, float] = {}
    for table in tables:
        for event in table.read():
            if event.name == name:
                sums[event.label] = sums.get(event.label, 0.0) + event.value
    return sums
