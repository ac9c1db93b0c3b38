"""Sources of metrics other than a client library: shared memory, scoreboard, health state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from wsgi_observe.health import HealthState
from wsgi_observe.metrics.events import use_table
from wsgi_observe.metrics.memory import MetricsMemory
from wsgi_observe.scoreboard.scoreboard import WorkerEntry


@dataclass
class MetricsSources:
    """Where metrics are read from that no client library counts.

    :param memory: that of the server's processes, or of this one.
    :param is_server: whether it is that of a server's processes, which have a scoreboard.
    :param worker_entries: the workers' entries of the scoreboard.
    :param states: whether the server is draining.
    """

    memory: MetricsMemory
    is_server: bool = False
    worker_entries: Sequence[WorkerEntry] = ()
    states: list[HealthState] = field(default_factory=list)

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
        memory = MetricsMemory()
        use_table(memory.event_table(0))
        use_sources(MetricsSources(memory))
        return process_sources()
    return _sources
