"""Which worker has which seat in the table of running requests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from wsgi_observe.gunicorn.compat import warn_missing
from wsgi_observe.scoreboard.entries import WorkerEntry
from wsgi_observe.scoreboard.log_lines import report_crashed_requests
from wsgi_observe.scoreboard.persistent import PersistentFile
from wsgi_observe.scoreboard.scoreboard import Scoreboard
from wsgi_observe.settings import Settings

_NOT_RECORDED = "what requests it runs when it dies is not known"


class WorkerEntries:
    """Kept by the arbiter alone, which forks one worker after the other: no lock is needed.

    Each worker inherits it with its own seat in it.
    """

    def __init__(self, scoreboard: Scoreboard) -> None:
        self._free = list(scoreboard.worker_entries)
        self._assigned: dict[Any, WorkerEntry] = {}

    def assign(self, worker: Any) -> None:
        """Give a worker that is about to be forked its seat."""
        for earlier, _ in self.assigned:
            if not isinstance(earlier.pid, int):  # that fork has failed
                self.release(earlier)
        if not self._free:
            warn_missing("there are more workers than seats", f"of one more: {_NOT_RECORDED}")
            return
        self._assigned[worker] = self._free.pop(0)

    def of(self, worker: Any) -> WorkerEntry | None:
        """Return a worker's seat."""
        return self._assigned.get(worker)

    @property
    def assigned(self) -> Iterator[tuple[Any, WorkerEntry]]:
        """Each worker with its seat."""
        return iter(list(self._assigned.items()))

    def release(self, worker: Any) -> None:
        """Have the seat of a worker that is gone ready for the next."""
        worker_entry = self._assigned.pop(worker)
        worker_entry.clear()
        self._free.append(worker_entry)


# Each has one thread per request; the others have as many as their connections, if need be.
_THREAD_LIMITED_WORKERS = ("sync", "gthread")
_MAX_REQUESTS_PER_WORKER = 256


def create_worker_entries(cfg: Any, settings: Settings) -> WorkerEntries | None:
    """Return seats for the workers, and for those that take their places; None without memory.

    What another server has left in the file of ``recorder_path`` is told.
    """
    worker_count, max_requests = 2 * cfg.workers + 16, _max_requests(cfg)
    try:
        return WorkerEntries(
            _create_persistent_scoreboard(settings.recorder_path, worker_count, max_requests)
            or Scoreboard.make(worker_count, max_requests)
        )
    except OSError as error:
        consequence = "requests that die with their worker are not named"
        warn_missing(f"no memory can be shared for the running requests ({error})", consequence)
        return None


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
                _report_crashed_server(Scoreboard(content))
        return Scoreboard.make(worker_count, max_requests, file)
    except OSError as error:
        consequence = "requests that die with the whole container are not named"
        warn_missing(f"recorder_path {path} cannot be used ({error})", consequence)
        return None


def _report_crashed_server(scoreboard: Scoreboard) -> None:
    for entry in scoreboard.worker_entries:
        report_crashed_requests(
            entry.read_requests(), "server killed", at=entry.last_seen, worker_pid=entry.pid
        )
