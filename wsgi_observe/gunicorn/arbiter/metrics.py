"""Metrics in the arbiter: what has to exist before workers are forked, and after one has ended."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

from wsgi_observe.gunicorn.arbiter.metrics_directory import MetricsDirectory
from wsgi_observe.gunicorn.arbiter.metrics_server import MetricsServer
from wsgi_observe.gunicorn.arbiter.worker_entries import WorkerEntries, max_workers
from wsgi_observe.gunicorn.compat import warn_missing
from wsgi_observe.health import HealthState
from wsgi_observe.metrics.events import use_table
from wsgi_observe.metrics.sources import MetricsSources, use_sources
from wsgi_observe.scoreboard.scoreboard import WorkerEntry
from wsgi_observe.settings import Settings
from wsgi_observe.stack import check_prometheus


def create_metrics(cfg: Any, settings: Settings, state: HealthState) -> ArbiterMetrics | None:
    """Return the metrics of a server; None where no directory can be had.

    :raises SettingsError: where prometheus-client is missing.
    """
    check_prometheus(settings)
    try:
        return ArbiterMetrics(cfg, state)
    except OSError as error:
        warn_missing(f"cannot create files for metrics ({error})", "there are no metrics")
        return None


class ArbiterMetrics:
    """The metrics of one server, made before the app is imported and inherited by each worker."""

    def __init__(self, cfg: Any, state: HealthState) -> None:
        # The last table of events is the arbiter's.
        self._sources = MetricsSources(max_workers(cfg) + 1, is_server=True)
        self._sources.add_state(state)
        self._directory = MetricsDirectory(cfg)
        self._arbiter_pid = os.getpid()
        self.server = MetricsServer(self._sources)
        use_sources(self._sources)
        use_table(self._sources.event_table(-1))

    def start(self, arbiter: Any, worker_entries: WorkerEntries, settings: Settings) -> None:
        """Start to serve on the port, if there is one."""
        self._sources.worker_entries = worker_entries.all
        worker_entries.on_release = self._end_worker
        try:
            self.server.start(arbiter, settings.metrics_port)
        except SystemExit:
            self.close()
            raise

    def init_worker(self, worker_entry: WorkerEntry | None) -> None:
        """Count the events of a worker in a table of its own; before its app is loaded."""
        self.server.close_socket()
        if worker_entry is not None:
            use_table(self._sources.event_table(worker_entry.number))

    def use_client(self, worker_entry: WorkerEntry | None) -> None:
        """Have prometheus-client count for the worker's entry; the app is loaded next."""
        identifier = "" if worker_entry is None else self._identify(worker_entry)
        import_module("wsgi_observe.prometheus").count_by_worker(identifier)

    def close(self) -> None:
        """Stop serving, and remove the files."""
        self.server.close()
        self._directory.close()

    def _end_worker(self, worker: Any, worker_entry: WorkerEntry) -> None:
        # The counts stay, for the worker that gets the entry next.
        self._sources.event_table(worker_entry.number).end_process()
        self._directory.end_process(worker.pid, self._identify(worker_entry))

    def _identify(self, worker_entry: WorkerEntry) -> str:
        return f"{self._arbiter_pid}-{worker_entry.number}"
