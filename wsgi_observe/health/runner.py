"""Runs of the readiness checks in one process: at most one at a time, each evaluated once."""

from __future__ import annotations

import contextvars
import logging
import sys
import threading
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Collection,
    Coroutine,
    Generator,
    Mapping,
)
from functools import partial
from time import monotonic
from types import TracebackType

from wsgi_observe._loggers import get_logger
from wsgi_observe._safely import call_safely
from wsgi_observe.health.check import Check, CheckResult
from wsgi_observe.health.report import Report, make_report
from wsgi_observe.metrics.events import READINESS_CHECK, set_value
from wsgi_observe.wsgi.exceptions import any_failure

_MAX_REASON_LENGTH = 200

_log = get_logger("wsgi_observe.health")


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
            for thread in run.unstarted:  # goes on where an interrupted caller has stopped
                thread.start()
        for thread in run.threads.values():
            thread.wait()
        return self._complete(run)

    def _complete(self, run: CheckRun) -> Report:
        """Return the report of a run; the first caller makes it and logs what has changed."""
        changes = []
        with self._lock:
            report = run.report
            if report is None:
                results = {name: thread.get_result() for name, thread in run.threads.items()}
                statuses = {n: "ok" if o.passed else "fail" for n, o in results.items()}
                report = make_report(statuses, self._critical)
                run.finish(report)
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

    __slots__ = ("_ttl", "expires_at", "report", "started_at", "threads", "unstarted")

    def __init__(
        self, checks: Mapping[str, Check], ttl: float, running: Mapping[str, CheckThread]
    ) -> None:
        self._ttl = ttl
        self.started_at = now = monotonic()
        self.threads = {
            name: running.get(name) or CheckThread(name, check, now)
            for name, check in checks.items()
        }
        self.unstarted = iter([self.threads[name] for name in checks if name not in running])
        self.expires_at = max(now + ttl, *(thread.deadline for thread in self.threads.values()))
        self.report: Report | None = None

    def is_fresh(self) -> bool:
        """Return whether this run serves a probe that arrives now."""
        # `started_at` counts: a snapshot restored on another machine turns the clock back.
        return self.started_at <= monotonic() < self.expires_at

    def finish(self, report: Report) -> None:
        """Set the report, and release what the checks raised: its frames keep objects alive."""
        self.report = report  # first: a signal may interrupt this
        self.expires_at = self.started_at + self._ttl
        self.threads = self.get_running_threads()

    def get_running_threads(self) -> dict[str, CheckThread]:
        """Return the threads of the checks that have not returned."""
        return {name: thread for name, thread in self.threads.items() if thread.is_running()}


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
    return CheckResult(True, _shorten(str(result)) if issubclass(kind, str) else "")


def _get_thread_traceback(thread: int | None) -> TracebackType | None:
    """Return the stack of `thread` as the traceback of an exception that is raised there."""
    frame = None if thread is None else sys._current_frames().get(thread)
    traceback = None
    while frame is not None and frame.f_code is not CheckThread._run.__code__:
        traceback = TracebackType(traceback, frame, frame.f_lasti, frame.f_lineno or 0)
        frame = frame.f_back
    return traceback


class Transitions:
    """The history of one check: since when it fails, and when that was last logged."""

    def __init__(self, name: str, check: Check, remind: float) -> None:
        self._name = name
        self._check = check
        self._remind = remind
        self._failing_since: float | None = None
        self._last_logged_at = 0.0

    def record(self, result: CheckResult, now: float) -> Callable[[], None] | None:
        """Record a result at `now` (seconds); return what writes the log line, if there is one."""
        set_value(READINESS_CHECK, f"{self._check.critical:d}{self._name}", result.passed)
        since = self._failing_since
        down_seconds = 0.0 if since is None else round(now - since, 3)
        if result.passed:
            self._failing_since = None
            if since is None:
                return None
            change = f"passes again after {down_seconds} s"
            return partial(self._write_line, logging.INFO, change, down_seconds, result)
        if since is not None and now - self._last_logged_at < self._remind:
            return None
        self._failing_since, self._last_logged_at = now if since is None else since, now
        change = "fails" if since is None else f"has been failing for {down_seconds} s"
        effect = "so readiness answers 503" if self._check.critical else "but is not critical"
        line = f"{change}, {effect}"
        return partial(self._write_line, logging.WARNING, line, down_seconds, result)

    def _write_line(self, level: int, change: str, seconds: float, result: CheckResult) -> None:
        reason, error = _format_reason(result), result.error
        _log.log(
            level,
            "Readiness check %s %s%s",
            self._name,
            change,
            f": {reason}" if reason else "",
            # As a tuple: of an exception itself, logging would ask whether it is true.
            exc_info=None if error is None else (type(error), error, error.__traceback__),
            extra={
                "check": self._name,
                "critical": self._check.critical,
                "down_seconds": seconds,
            },
        )


def _shorten(text: str) -> str:
    """Return the beginning of a text, on one line."""
    return " ".join(text[: 2 * _MAX_REASON_LENGTH].split())[:_MAX_REASON_LENGTH]


def _format_reason(result: CheckResult) -> str:
    if result.detail or result.error is None:
        return result.detail
    kind = type(result.error).__name__
    try:
        line = _shorten(str(result.error))
    except any_failure():  # an exception class whose __str__ raises
        return kind
    return f"{kind}: {line}" if line else kind
