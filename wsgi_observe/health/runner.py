"""Runs of the readiness checks in one process: at most one at a time, each evaluated once."""

from __future__ import annotations

import contextvars
import sys
import threading
from collections.abc import AsyncGenerator, Awaitable, Collection, Coroutine, Generator, Mapping
from time import monotonic
from types import TracebackType

from wsgi_observe._safely import call_safely
from wsgi_observe.health.check import Check, CheckResult
from wsgi_observe.health.report import Report, make_report
from wsgi_observe.health.transitions import Transitions, shorten


class ReadinessRunner:
    """Runs the checks of one process, and records how their results change.

    Created on first use, thus in the worker instead of the process that forked it, and after
    gevent's patches. Under its lock it logs nothing, waits for no check and calls no code of the
    user's. The lock is re-entrant, so that a signal handler can request a report at any moment.
    """

    def __init__(
        self, checks: Mapping[str, Check], critical: Collection[str], ttl: float, remind: float
    ) -> None:
        self._checks = checks
        self._critical = critical
        self._ttl = ttl
        self._transitions = {n: Transitions(n, check, remind) for n, check in checks.items()}
        self._lock = threading.RLock()
        self.current_run: CheckRun | None = None

    def report(self) -> Report:
        """Join the current run or start one, and wait for its report."""
        with self._lock:
            run = self.current_run
            if run is None or not run.is_fresh():
                running = {} if run is None else run.get_running_threads()
                run = self.current_run = CheckRun(self._checks, self._ttl, running)
            # Under the lock: a run that is replaced while its threads are being started (because
            # the process was suspended, say) would run a check twice at the same time.
            run.start()
        run.wait()
        return self._complete(run)

    def _complete(self, run: CheckRun) -> Report:
        """Return the report of a run; the first caller makes it and logs what has changed."""
        changes = []
        with self._lock:
            report = run.report
            if report is None:
                results = run.take_results()
                statuses = {n: "ok" if o.passed else "fail" for n, o in results.items()}
                report = run.report = make_report(statuses, self._critical)
                if run is self.current_run:  # the results of an older run are outdated
                    now = monotonic()
                    changes = [self._transitions[n].record(o, now) for n, o in results.items()]
        for write_line in filter(None, changes):
            call_safely("logging a readiness check", write_line)
        return report


class CheckRun:
    """One run of the checks, which begins now and is valid for `ttl` seconds.

    It has no thread of its own: all callers wait for it, and the first to finish waiting
    evaluates it. So it does not matter if one of them is killed while waiting.

    The TTL counts from the beginning, so that an outage shows within TTL plus timeout even when
    another check is slow. Until there is a report, the run is joined while it can still be
    running, however short the TTL.

    :param running: the threads of checks that still hang, which are not run again.
    """

    __slots__ = ("_threads", "_ttl", "_unstarted", "expires_at", "report", "started_at")

    def __init__(
        self, checks: Mapping[str, Check], ttl: float, running: Mapping[str, CheckThread]
    ) -> None:
        self._ttl = ttl
        self.started_at = now = monotonic()
        self._threads = {
            name: running.get(name) or CheckThread(name, check, now)
            for name, check in checks.items()
        }
        self._unstarted = iter([self._threads[name] for name in checks if name not in running])
        deadlines = (thread.deadline for thread in self._threads.values())
        self.expires_at = max(now + ttl, *deadlines)
        self.report: Report | None = None

    def is_fresh(self) -> bool:
        """Return whether this run serves a probe that arrives now."""
        # `started_at` counts: a snapshot restored on another machine turns the clock back.
        return self.started_at <= monotonic() < self.expires_at

    def start(self) -> None:
        """Start the threads; the next caller goes on where an interrupted one has stopped."""
        for thread in self._unstarted:
            thread.start()

    def wait(self) -> None:
        """Wait for every check, each at most until its deadline."""
        for thread in self._threads.values():
            thread.wait()

    def take_results(self) -> dict[str, CheckResult]:
        """Return the result of every check, once: what a check raised keeps objects alive."""
        results = {name: thread.get_result() for name, thread in self._threads.items()}
        self._threads = self.get_running_threads()
        self.expires_at = self.started_at + self._ttl
        return results

    def get_running_threads(self) -> dict[str, CheckThread]:
        """Return the threads of the checks that have not returned."""
        return {name: thread for name, thread in self._threads.items() if thread.is_running()}


class CheckThread:
    """Run a check once, on a daemon thread of its own, whatever the check does.

    There is no thread between two runs: an idle service has none, a fork inherits none, and what
    a check leaves on its thread (a blocked signal, a thread-local session in a failed transaction)
    ends with it. Ten threads cost about a millisecond, once per TTL.

    :param started_at: when the run begins, on the monotonic clock.
    """

    __slots__ = ("_check", "_done", "_result", "_started_at", "_thread", "deadline")

    def __init__(self, name: str, check: Check, started_at: float) -> None:
        self._check = check
        self._started_at = started_at
        self._result: CheckResult | None = None
        self.deadline = started_at + check.timeout
        # Looked up late: gevent may have patched `threading` since the import.
        self._done = threading.Event()
        # A daemon: a check that hangs must not keep the interpreter from its exit.
        self._thread = threading.Thread(
            target=self._run, name=f"wsgi_observe.health:{name}", daemon=True
        )

    def start(self) -> None:
        """Start the thread; where the system has none left, the check fails."""
        try:
            self._thread.start()
        except Exception as error:  # RuntimeError: can't start new thread
            self._finish(CheckResult(False, error=error))

    def wait(self) -> None:
        """Wait until the check has returned, at most until its deadline."""
        if not self._done.is_set():
            remaining = self.deadline - monotonic()
            # Never longer than the timeout: a snapshot that is restored elsewhere, or a test that
            # freezes the clock, turns a monotonic clock back.
            self._done.wait(min(max(0.0, remaining), self._check.timeout))

    def is_running(self) -> bool:
        """Return whether the check is running (not, where starting its thread was interrupted)."""
        return not self._done.is_set() and self._thread.is_alive()

    def get_result(self) -> CheckResult:
        """Return the result; until the check has returned, it is that the check hangs."""
        if self._result is not None:
            return self._result
        detail = (
            f"hangs: no result after {round(monotonic() - self._started_at, 3)} s "
            f"(timeout: {self._check.timeout:g} s); it is not run again until it returns"
        )
        error = TimeoutError(detail).with_traceback(_get_thread_traceback(self._thread.ident))
        return CheckResult(False, detail, error)

    def _run(self) -> None:
        try:
            # An empty context: one run serves all probes within the TTL, and may outlive the
            # request that happened to start it. Otherwise its log lines would have that request's
            # ID, its `bind` would write to that request, Flask's `g` would be that request's.
            self._finish(_evaluate(contextvars.Context().run(self._check.fn)))
        except BaseException as error:  # SystemExit, KeyboardInterrupt, GreenletExit, …
            self._finish(CheckResult(False, error=error))

    def _finish(self, result: CheckResult) -> None:
        elapsed, timeout = monotonic() - self._started_at, self._check.timeout
        if result.passed and elapsed > timeout:
            result = CheckResult(False, f"took {round(elapsed, 3)} s (timeout: {timeout:g} s)")
        self._result = result
        self._done.set()


def _evaluate(result: object) -> CheckResult:
    if result is False:
        return CheckResult(False, "returned False")
    kind = type(result)  # not `__class__`, which may be code of the user's
    if issubclass(kind, (Awaitable, Generator, AsyncGenerator)):
        if isinstance(result, (Coroutine, Generator)):
            result.close()  # otherwise Python warns that it was never awaited
        return CheckResult(False, f"returned a {kind.__name__}, so that nothing was checked")
    # Anything but text is released at once: a database result would keep its connection.
    return CheckResult(True, shorten(str(result)) if issubclass(kind, str) else "")


def _get_thread_traceback(thread: int | None) -> TracebackType | None:
    """Return the stack of `thread` as the traceback of an exception that is raised there."""
    frame = None if thread is None else sys._current_frames().get(thread)
    traceback = None
    while frame is not None and frame.f_code is not CheckThread._run.__code__:
        traceback = TracebackType(traceback, frame, frame.f_lasti, frame.f_lineno or 0)
        frame = frame.f_back
    return traceback
