"""Sources of metrics other than a client library: shared memory, scoreboard, health state."""

from __future__ import annotations

from collections.abc import Sequence

from wsgi_observe._shared_memory import create_memory
from wsgi_observe.health import HealthState
from wsgi_observe.metrics.events import EventTable, use_table
from wsgi_observe.metrics.series import SeriesTable
from wsgi_observe.scoreboard.scoreboard import WorkerEntry

_MEMORY_NAME = "wsgi_observe.metrics"


class MetricsSources:
    """Where metrics are read from that no client library counts; made before the fork.

    :param processes: how many write events at the same time, each to a table of its own.
    :param is_server: whether they are those of a server's processes, which have a scoreboard.
    :ivar series: the series that all processes count.
    :ivar worker_entries: the workers' entries of the scoreboard.
    :ivar states: whether the server is draining.
    """

    def __init__(self, processes: int = 1, *, is_server: bool = False) -> None:
        self._processes = processes
        # Pages that nothing is written to take no memory.
        self._memory = create_memory(_MEMORY_NAME, SeriesTable.SIZE + processes * EventTable.SIZE)
        self.is_server = is_server
        self.series = SeriesTable(self._memory)
        self.worker_entries: Sequence[WorkerEntry] = ()
        self.states: list[HealthState] = []

    def event_table(self, number: int) -> EventTable:
        """Return the table of a process; a number below 0 counts from the last one."""
        number %= self._processes
        return EventTable(self._memory, SeriesTable.SIZE + number * EventTable.SIZE)

    def event_tables(self) -> list[EventTable]:
        """Return the tables of all processes, to read them."""
        return [self.event_table(number) for number in range(self._processes)]

    def add_state(self, state: HealthState) -> None:
        """Export whether `state` is draining, too."""
        if state not in self.states:
            self.states.append(state)


_sources: MetricsSources | None = None


def use_sources(sources: MetricsSources) -> None:
    """Use the sources of the server in this process and in those that it forks."""
    global _sources
    _sources = sources


def is_single_process() -> bool:
    """Return whether metrics are used here that know of this process alone."""
    return _sources is not None and not _sources.is_server


def process_sources() -> MetricsSources:
    """Return the sources that hold for this process, by default its own."""
    if _sources is None:
        use_sources(MetricsSources())
        use_table(process_sources().event_table(0))
        return process_sources()
    return _sources
