"""Crashed workers: the requests that died with a worker are reported when the arbiter reaps it."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable
from time import monotonic, sleep, time
from typing import Any

from wsgi_observe._safely import call_safely
from wsgi_observe._shared_memory import is_process_alive
from wsgi_observe.gunicorn.arbiter.worker_entries import WorkerEntries
from wsgi_observe.gunicorn.compat import optional_attr
from wsgi_observe.scoreboard.log_lines import log, report_crashed_requests, signal_name
from wsgi_observe.scoreboard.scoreboard import WorkerEntry

_gunicorn_log = logging.getLogger("gunicorn.error")

_NOT_A_BOOT_ERROR = (
    "worker %d exited with %d after it had served: Gunicorn would take that for a failure to boot "
    "and stop; it is treated as a crash, and the worker is replaced"
)
_EXIT_TIMEOUT_SECONDS = 2.0  # until the last workers have ended, once they were killed
_EXIT_255_STATUS = 255 << 8  # Gunicorn's own workers exit with 255 after an exception


class Reaper:
    """Reports each worker's end; Gunicorn hands the exit status to no hook.

    It wraps the arbiter's methods that reap and kill workers.
    """

    def __init__(self, server: Any, worker_entries: WorkerEntries) -> None:
        self._server = server
        self._worker_entries = worker_entries
        self._exit_statuses: dict[int, int] = {}
        self._killed_pids: set[int] = set()
        self._timeout_messages = TimeoutMessageFilter(worker_entries)
        self._is_reaping = False
        reap_workers = optional_attr(
            server, "reap_workers", "requests that are lost when a worker dies are not reported"
        )
        kill = optional_attr(server, "kill_worker", "a graceful timeout is reported as SIGKILL")
        if reap_workers is not None:
            server.reap_workers = lambda: self._reap_and_report(reap_workers)
            _gunicorn_log.addFilter(self._timeout_messages)
        if kill is not None:

            def kill_worker(pid: int, number: int) -> None:
                if number == signal.SIGKILL:
                    self._killed_pids.add(pid)
                kill(pid, number)

            server.kill_worker = kill_worker

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
        boot_errors = (self._server.WORKER_BOOT_ERROR, self._server.APP_LOAD_ERROR)
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
        worker_entry = self._worker_entries.of_pid(pid)
        if code not in boot_errors or worker_entry is None or not worker_entry.booted:
            return status
        log.warning(_NOT_A_BOOT_ERROR, pid, code)
        return _EXIT_255_STATUS

    def _report_exits(self) -> None:
        # Again, for what an interrupting signal handler has reaped meanwhile.
        while ended := [one for one in self._worker_entries.assigned if self._has_ended(one[0])]:
            for worker, worker_entry in ended:
                self._report_exit(worker, worker_entry, self._exit_statuses.pop(worker.pid, None))
        self._exit_statuses.clear()

    def _has_ended(self, worker: Any) -> bool:
        if not isinstance(worker.pid, int):  # it is about to be forked
            return False
        # Other code may have reaped it.
        return worker.pid in self._exit_statuses or not is_process_alive(worker.pid)

    def _report_exit(self, worker: Any, worker_entry: WorkerEntry, status: int | None) -> None:
        pid = worker.pid
        cause = _get_exit_cause(worker, worker_entry, status, pid in self._killed_pids)
        try:
            snapshot = worker_entry.read_requests()
            report_crashed_requests(snapshot, cause, at=time(), worker_pid=pid)
        finally:
            self._timeout_messages.release(pid, has_logged_exit=worker_entry.has_logged_exit)
            self._worker_entries.release(worker)
            self._killed_pids.discard(pid)


def _get_exit_cause(
    worker: Any, worker_entry: WorkerEntry, status: int | None, was_killed_by_arbiter: bool
) -> str:
    if worker.aborted:
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

    def filter(self, record: logging.LogRecord) -> bool:
        """Hold a message back if its first argument is the process ID of such a worker."""
        pid = record.args[0] if isinstance(record.args, tuple) and record.args else None
        if not isinstance(pid, int) or os.getpid() != self._arbiter_pid:
            return True
        if pid in self._held_records:
            self._held_records[pid].append(record)
            return False
        if str(record.msg).startswith("WORKER TIMEOUT") and self._is_idle_worker(pid):
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
        entry = self._worker_entries.of_pid(pid)
        return entry is not None and entry.booted and not any(entry.read_requests())
