"""Crashed workers: the requests that died with a worker are reported when the arbiter reaps it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from time import monotonic, sleep, time
from typing import Any

from wsgi_observe._safely import call_safely
from wsgi_observe._shared_memory import is_process_alive
from wsgi_observe.gunicorn.arbiter.timeout_messages import TimeoutMessageFilter
from wsgi_observe.gunicorn.arbiter.worker_entries import WorkerEntries
from wsgi_observe.gunicorn.compat import optional_attr
from wsgi_observe.scoreboard.log_lines import log, report_crashed_requests, signal_name
from wsgi_observe.scoreboard.scoreboard import WorkerEntry

_NOT_REPORTED = "requests that are lost when a worker dies are not reported"
_NOT_A_BOOT_ERROR = (
    "worker %d exited with %d after it had served: Gunicorn would take that for a failure to boot "
    "and stop; it is treated as a crash, and the worker is replaced"
)
_EXIT_TIMEOUT_SECONDS = 2.0  # until the last workers have ended, once they were killed
_EXIT_255_STATUS = 255 << 8  # Gunicorn's own workers exit with 255 after an exception


class Reaper:
    """Reports each worker's end; Gunicorn hands the exit status to no hook."""

    def __init__(self, server: Any, worker_entries: WorkerEntries) -> None:
        self._server = server
        self._worker_entries = worker_entries
        self._exit_statuses: dict[int, int] = {}
        self._killed_pids: set[int] = set()
        self._timeout_messages = TimeoutMessageFilter(worker_entries)
        self._is_reaping = False

    def start(self) -> None:
        """Wrap the arbiter's methods that reap and kill workers."""
        reap_workers = optional_attr(self._server, "reap_workers", _NOT_REPORTED)
        kill = optional_attr(
            self._server, "kill_worker", "a graceful timeout is reported as SIGKILL"
        )
        if reap_workers is not None:
            self._server.reap_workers = lambda: self._reap_and_report(reap_workers)
            self._timeout_messages.start()
        if kill is not None:

            def kill_worker(pid: int, number: int) -> None:
                if number == signal.SIGKILL:
                    self._killed_pids.add(pid)
                kill(pid, number)

            self._server.kill_worker = kill_worker

    def close(self) -> None:
        """Wait for the workers that were killed last, which the arbiter does not."""
        deadline = monotonic() + _EXIT_TIMEOUT_SECONDS
        while any(self._worker_entries.assigned) and monotonic() < deadline:
            self._server.reap_workers()
            sleep(0.01)
        self._timeout_messages.close()

    def _reap_and_report(self, reap_workers: Callable[[], None]) -> None:
        # Before Gunicorn 24 a signal handler reaps, which may interrupt itself.
        if self._is_reaping:
            reap_workers()
            return
        self._is_reaping = True
        # A child can be waited for only once. No other thread of the arbiter waits for one.
        waitpid = os.waitpid

        def recording_waitpid(pid: int, options: int) -> tuple[int, int]:
            reaped_pid, status = waitpid(pid, options)
            return reaped_pid, self._record_exit(reaped_pid, status) if reaped_pid else status

        os.waitpid = recording_waitpid
        try:
            reap_workers()
        finally:
            # Still recording: what an interrupting signal handler reaps is reported here too.
            call_safely("reporting the requests of a dead worker", self._report_exits)
            os.waitpid = waitpid
            self._is_reaping = False

    def _record_exit(self, pid: int, status: int) -> int:
        """Record how a worker ended; return the status that the arbiter is to see.

        Two exit codes mean to it that no worker can start, and it stops. That is not so for a
        worker that has served, and in which the app has called ``os._exit(3)``.
        """
        self._exit_statuses[pid] = status
        boot_errors = (
            getattr(self._server, "WORKER_BOOT_ERROR", 3),
            getattr(self._server, "APP_LOAD_ERROR", 4),
        )
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
        if code not in boot_errors or not self._has_booted(pid):
            return status
        log.warning(_NOT_A_BOOT_ERROR, pid, code)
        return _EXIT_255_STATUS

    def _has_booted(self, pid: int) -> bool:
        return any(
            worker.pid == pid and worker_entry.booted
            for worker, worker_entry in self._worker_entries.assigned
        )

    def _report_exits(self) -> None:
        self._report_exits_once()
        while any(worker.pid in self._exit_statuses for worker, _ in self._worker_entries.assigned):
            self._report_exits_once()
        self._exit_statuses.clear()

    def _report_exits_once(self) -> None:
        for worker, worker_entry in self._worker_entries.assigned:
            if isinstance(worker.pid, int):
                status = self._exit_statuses.pop(worker.pid, None)
                # Other code may have reaped it.
                if status is not None or not is_process_alive(worker.pid):
                    self._report_exit(worker, worker_entry, status)

    def _report_exit(self, worker: Any, worker_entry: WorkerEntry, status: int | None) -> None:
        pid = worker.pid
        cause = _get_exit_cause(worker, worker_entry, status, pid in self._killed_pids)
        try:
            snapshot = worker_entry.read_requests()
            report_crashed_requests(snapshot, cause, at=time(), worker_pid=pid)
        finally:
            has_logged_exit = worker_entry.has_logged_exit
            self._timeout_messages.release(pid, has_logged_exit=has_logged_exit)
            self._worker_entries.release(worker)
            self._killed_pids.discard(pid)


def _get_exit_cause(
    worker: Any, worker_entry: WorkerEntry, status: int | None, was_killed_by_arbiter: bool
) -> str:
    """Return why a worker died, for the log line."""
    if getattr(worker, "aborted", False):
        return "worker timeout"
    if status is None:
        return "unknown"
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        is_graceful = was_killed_by_arbiter and number == signal.SIGKILL
        return "graceful timeout" if is_graceful else signal_name(number)
    if worker_entry.signal:
        return signal_name(worker_entry.signal)
    return f"exit {os.WEXITSTATUS(status)}"
