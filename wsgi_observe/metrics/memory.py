"""The memory of metrics: made before the fork, shared by a server's processes."""

from __future__ import annotations

from wsgi_observe._shared_memory import create_memory
from wsgi_observe.metrics.events import EventTable
from wsgi_observe.metrics.series import SeriesTable

_MEMORY_NAME = "wsgi_observe.metrics"


class MetricsMemory:
    """The series of a server, and a table of events for each of its processes.

    :param processes: how many write events at the same time.
    :raises OSError: where no memory can be shared.
    """

    def __init__(self, processes: int = 1) -> None:
        self._processes = processes
        # Pages that nothing is written to take no memory.
        self._memory = create_memory(_MEMORY_NAME, SeriesTable.SIZE + processes * EventTable.SIZE)
        self.series = SeriesTable(self._memory)

    def event_table(self, number: int) -> EventTable:
        """Return the table of a process; a number below 0 counts from the last one."""
        number %= self._processes
        return EventTable(self._memory, SeriesTable.SIZE + number * EventTable.SIZE)

    def event_tables(self) -> list[EventTable]:
        """Return the tables of all processes, to read them."""
        return [self.event_table(number) for number in range(self._processes)]
