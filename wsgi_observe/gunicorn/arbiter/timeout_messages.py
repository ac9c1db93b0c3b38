"""Filter of the arbiter's messages about a sync worker that timed out waiting for a client."""

from __future__ import annotations

import logging
import os

from wsgi_observe.gunicorn.arbiter.worker_entries import WorkerEntries
from wsgi_observe.scoreboard.scoreboard import WorkerEntry

_gunicorn_log = logging.getLogger("gunicorn.error")
_TIMEOUT_PREFIX = "WORKER TIMEOUT"


class TimeoutMessageFilter(logging.Filter):
    """Hold back the arbiter's messages about a worker that timed out without a request.

    The arbiter knows neither the client nor the reason. Its worker does, and mostly logs both. If
    the worker has ended without such a line, the arbiter's own messages are logged.
    """

    def __init__(self, worker_entries: WorkerEntries) -> None:
        super().__init__()
        self._worker_entries = worker_entries
        self._arbiter_pid = os.getpid()
        self._held_records: dict[object, list[logging.LogRecord]] = {}

    def start(self) -> None:
        """Add the filter to Gunicorn's error logger."""
        _gunicorn_log.addFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        """Hold a message back if its first argument is the process ID of such a worker."""
        if (
            not isinstance(record.args, tuple)
            or not record.args
            or os.getpid() != self._arbiter_pid
        ):
            return True
        pid = record.args[0]
        if pid in self._held_records:
            self._held_records[pid].append(record)
            return False
        if str(record.msg).startswith(_TIMEOUT_PREFIX) and self._is_idle_worker(pid):
            self._held_records[pid] = [record]
            return False
        return True

    def release(self, pid: object, *, has_logged_exit: bool) -> None:
        """Log the messages about a worker that has ended without logging the reason itself."""
        for record in self._held_records.pop(pid, ()):
            if not has_logged_exit:
                _gunicorn_log.callHandlers(record)  # past this filter

    def close(self) -> None:
        """Remove the filter; log the messages about workers that were not reaped."""
        _gunicorn_log.removeFilter(self)
        for pid in list(self._held_records):
            self.release(pid, has_logged_exit=False)

    def _is_idle_worker(self, pid: object) -> bool:
        return any(
            worker.pid == pid and _is_idle(worker_entry)
            for worker, worker_entry in self._worker_entries.assigned
        )


def _is_idle(worker_entry: WorkerEntry) -> bool:
    return worker_entry.booted and not any(worker_entry.read_requests())
