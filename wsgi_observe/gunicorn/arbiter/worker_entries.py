"""The assignment of scoreboard entries to Gunicorn's workers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from wsgi_observe._safely import call_safely
from wsgi_observe.gunicorn.compat import warn_missing
from wsgi_observe.scoreboard.log_lines import report_crashed_requests
from wsgi_observe.scoreboard.persistent import PersistentFile
from wsgi_observe.scoreboard.scoreboard import Scoreboard, WorkerEntry
from wsgi_observe.settings import Settings

_NOT_RECORDED = "requests lost with an extra worker will not be reported"


class WorkerEntries:
    """Entries of the scoreboard, free or assigned to a worker.

    Only the arbiter changes it, which forks one worker after the other: no lock is needed. Each
    worker inherits it with its own entry assigned.
    """

    on_release: Callable[[Any, WorkerEntry], object] | None = None
    """Called with a worker that has ended, before its entry is used again."""

    def __init__(self, scoreboard: Scoreboard) -> None:
        self.all = tuple(scoreboard.worker_entries)
        self._free = list(self.all)
        self._assigned: dict[Any, WorkerEntry] = {}

    def assign(self, worker: Any) -> None:
        """Assign a free entry to a worker that is about to be forked."""
        for earlier, _ in self.assigned:
            if not isinstance(earlier.pid, int):  # that fork has failed
                self.release(earlier)
        if not self._free:
            warn_missing("more workers than scoreboard entries", _NOT_RECORDED)
            return
        self._assigned[worker] = self._free.pop(0)

    def of(self, worker: Any) -> WorkerEntry | None:
        """Return a worker's entry."""
        return self._assigned.get(worker)

    def of_pid(self, pid: object) -> WorkerEntry | None:
        """Return the entry of the worker with that process ID."""
        return next((entry for worker, entry in self.assigned if worker.pid == pid), None)

    @property
    def assigned(self) -> list[tuple[Any, WorkerEntry]]:
        """Each worker with its entry."""
        return list(self._assigned.items())

    def release(self, worker: Any) -> None:
        """Clear the entry of a worker that has ended, for the next one."""
        worker_entry = self._assigned.pop(worker)
        if self.on_release is not None:
            call_safely("ending a worker's metrics", self.on_release, worker, worker_entry)
        worker_entry.clear()
        self._free.insert(0, worker_entry)  # the metrics have a file for each that was used


# They run a request per thread; the other workers run one per connection.
_THREAD_LIMITED_WORKERS = ("sync", "gthread")
_MAX_REQUESTS_PER_WORKER = 256


def max_workers(cfg: Any) -> int:
    """Return how many workers have an entry at the same time, with those that a reload ends."""
    return int(2 * cfg.workers + 16)


def create_worker_entries(cfg: Any, settings: Settings) -> WorkerEntries:
    """Return entries for all workers and their successors.

    Requests that an earlier server has left in the file ``recorder_path`` are reported.
    """
    worker_count, max_requests = max_workers(cfg), _max_requests(cfg)
    return WorkerEntries(
        _create_persistent_scoreboard(settings.recorder_path, worker_count, max_requests)
        or Scoreboard.make(worker_count, max_requests)
    )


def _max_requests(cfg: Any) -> int:
    if cfg.worker_class_str in _THREAD_LIMITED_WORKERS:
        return min(_MAX_REQUESTS_PER_WORKER, int(cfg.threads) + 4)
    return _MAX_REQUESTS_PER_WORKER


def _create_persistent_scoreboard(
    path: str, worker_count: int, max_requests: int
) -> Scoreboard | None:
    if not path:
        return None
    try:
        file, contents = PersistentFile.open(path)
        for content in contents:
            with suppress(LookupError):
                for entry in Scoreboard(content).worker_entries:
                    requests, at = entry.read_requests(), entry.last_seen
                    report_crashed_requests(requests, "server killed", at=at, worker_pid=entry.pid)
        return Scoreboard.make(worker_count, max_requests, file)
    except OSError as error:
        warn_missing(
            f"cannot use recorder_path {path} ({error})",
            "requests that are lost when the whole container is killed are not reported",
        )
        return None
