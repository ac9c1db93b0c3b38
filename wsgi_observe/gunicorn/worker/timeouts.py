"""Gunicorn's alarms about a sync worker that timed out while it waited for a client."""

from __future__ import annotations

import logging
import os

from wsgi_observe.gunicorn.arbiter.worker_entries import Seats
from wsgi_observe.scoreboard.entries import Seat

_gunicorn = logging.getLogger("gunicorn.error")
_TIMEOUT = "WORKER TIMEOUT"


class TimeoutAlarms(logging.Filter):
    """Hold back what the arbiter logs of a worker that timed out without a request.

    The arbiter knows neither the client nor the reason. Its worker does, and mostly has one line of
    both. Once the worker is gone without such a line, the arbiter's own messages are logged.
    """

    def __init__(self, seats: Seats) -> None:
        super().__init__()
        self._seats = seats
        self._arbiter = os.getpid()
        self._held: dict[object, list[logging.LogRecord]] = {}

    def begin(self) -> None:
        """Look at what the arbiter logs from now on."""
        _gunicorn.addFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        """Hold a message back if it is about such a worker: its process ID comes first."""
        if not isinstance(record.args, tuple) or not record.args or os.getpid() != self._arbiter:
            return True
        pid = record.args[0]
        if pid in self._held:
            self._held[pid].append(record)
            return False
        if str(record.msg).startswith(_TIMEOUT) and self._runs_nothing(pid):
            self._held[pid] = [record]
            return False
        return True

    def release(self, pid: object, *, explained: bool) -> None:
        """Log what was held back of a worker that is gone, unless it has explained itself."""
        for record in self._held.pop(pid, ()):
            if not explained:
                _gunicorn.callHandlers(record)  # past this filter

    def end(self) -> None:
        """Log what is still held back, of workers that were not reaped."""
        _gunicorn.removeFilter(self)
        for pid in list(self._held):
            self.release(pid, explained=False)

    def _runs_nothing(self, pid: object) -> bool:
        return any(worker.pid == pid and _is_idle(seat) for worker, seat in self._seats.taken)


def _is_idle(seat: Seat) -> bool:
    found = seat.look()
    return seat.booted and not (found.flights or found.torn or seat.beyond)
