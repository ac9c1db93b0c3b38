"""Names, in the arbiter, the requests that died with a worker, when Gunicorn reaps it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from time import monotonic, sleep, time
from typing import Any

from wsgi_observe._safely import ask
from wsgi_observe.gunicorn.arbiter.worker_entries import Seats
from wsgi_observe.gunicorn.compat import offered
from wsgi_observe.gunicorn.worker.timeouts import TimeoutAlarms
from wsgi_observe.scoreboard.entries import Seat
from wsgi_observe.scoreboard.log_lines import log, tell_deaths

_UNNAMED = "requests that die with their worker are not named"
_NO_BOOT_ERROR = "no failure to boot, as Gunicorn takes it for; the service goes on"
_PATIENCE = 2.0  # seconds for the last workers to be gone, once they were killed
_OTHER_FAILURE = 255 << 8  # what Gunicorn's own workers exit with after an exception


class Reaper:
    """Stands beside the arbiter's own reaping, which says how a worker ended to nobody else."""

    def __init__(self, server: Any, seats: Seats) -> None:
        self._server = server
        self._seats = seats
        self._ends: dict[int, int] = {}
        self._killed: set[int] = set()
        self._alarms = TimeoutAlarms(seats)
        self._reaping = False

    def begin(self) -> None:
        """Take part in it from now on."""
        reap = offered(self._server, "reap_workers", _UNNAMED)
        kill = offered(self._server, "kill_worker", "a graceful timeout is told as SIGKILL")
        if reap is not None:
            self._server.reap_workers = lambda: self._reap(reap)
            self._alarms.begin()
        if kill is not None:

            def kill_worker(pid: int, number: int) -> None:
                if number == signal.SIGKILL:
                    self._killed.add(pid)
                kill(pid, number)

            self._server.kill_worker = kill_worker

    def end(self) -> None:
        """Wait for workers that were killed last of all, which the arbiter does not."""
        deadline = monotonic() + _PATIENCE
        while any(self._seats.taken) and monotonic() < deadline:
            self._server.reap_workers()
            sleep(0.01)
        self._alarms.end()

    def _reap(self, reap: Callable[[], None]) -> None:
        # Before Gunicorn 24 a signal handler reaps, which may interrupt itself.
        if self._reaping:
            reap()
            return
        self._reaping = True
        # Gunicorn hands the status to no hook, and two processes may not wait for a child. The
        # arbiter has no other thread that waits for one.
        waitpid = os.waitpid

        def noting(pid: int, options: int) -> tuple[int, int]:
            found, status = waitpid(pid, options)
            return found, self._note(found, status) if found else status

        os.waitpid = noting
        try:
            reap()
        finally:
            # Still noting: what is reaped by an interruption meanwhile is told here too.
            ask("naming the requests of a dead worker", self._tell)
            os.waitpid = waitpid
            self._reaping = False

    def _note(self, pid: int, status: int) -> int:
        """Keep how a worker ended; return what the arbiter may take it for.

        Two exit codes mean to it that no worker can start, upon which it ends itself. A worker
        that has served, and in which an app has called ``os._exit(3)``, does not mean that.
        """
        self._ends[pid] = status
        boot_errors = (
            getattr(self._server, "WORKER_BOOT_ERROR", 3),
            getattr(self._server, "APP_LOAD_ERROR", 4),
        )
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
        if code not in boot_errors or not self._has_booted(pid):
            return status
        log.warning("worker %d served, then exited with %d: %s", pid, code, _NO_BOOT_ERROR)
        return _OTHER_FAILURE

    def _has_booted(self, pid: int) -> bool:
        return any(worker.pid == pid and seat.booted for worker, seat in self._seats.taken)

    def _tell(self) -> None:
        self._tell_each()
        while any(worker.pid in self._ends for worker, _ in self._seats.taken):
            self._tell_each()
        self._ends.clear()

    def _tell_each(self) -> None:
        for worker, seat in self._seats.taken:
            if not isinstance(worker.pid, int):
                continue
            status = self._ends.pop(worker.pid, None)
            if status is not None or _is_gone(worker.pid):
                cause = _cause(worker, seat, status, worker.pid in self._killed)
                try:
                    found, beyond = seat.look(), seat.beyond
                    tell_deaths(found, beyond, cause, time(), worker_pid=worker.pid)
                finally:
                    self._alarms.release(worker.pid, explained=seat.explained)
                    self._seats.take_back(worker)
                    self._killed.discard(worker.pid)


def _is_gone(pid: int) -> bool:
    """Return whether somebody else has reaped a worker."""
    with suppress(PermissionError):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
    return False


def _cause(worker: Any, seat: Seat, status: int | None, was_killed: bool) -> str:
    """Return what a worker died of, as a person would say it."""
    if getattr(worker, "aborted", False):
        return "worker timeout"
    if status is None:
        return "unknown"
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        is_graceful = was_killed and number == signal.SIGKILL
        return "graceful timeout" if is_graceful else signal_name(number)
    return signal_name(seat.signal) if seat.signal else f"exit {os.WEXITSTATUS(status)}"


def signal_name(number: int) -> str:
    """Return the name of a signal.

    >>> signal_name(9), signal_name(64 - 2)
    ('SIGKILL', 'signal 62')
    """
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
