"""A thread that runs one readiness check once, whatever the check does."""

from __future__ import annotations

import contextvars
import sys
import threading
from collections.abc import AsyncGenerator, Awaitable, Coroutine, Generator
from time import monotonic
from types import TracebackType
from typing import NamedTuple, cast

from wsgi_observe.health.check import Check

MAX_DETAIL_LENGTH = 200


class CheckResult(NamedTuple):
    """The result of one run of a check.

    :param detail: why it failed, where that is known; of a check that passed, the string that it
        returned.
    :param error: what it raised; for a check that hangs, an exception with its stack as traceback.
    """

    passed: bool
    detail: str = ""
    error: BaseException | None = None


class CheckThread:
    """Run a check once, on a daemon thread of its own.

    There is no thread between two runs: an idle service has none, a fork inherits none, and what
    a check leaves on its thread (a blocked signal, a thread-local session in a failed transaction)
    ends with it. Ten threads cost about a millisecond, once per TTL.

    :param started_at: when the run begins, on the monotonic clock.
    """

    __slots__ = ("_check", "_done", "_ended_at", "_result", "_started_at", "_thread")

    def __init__(self, name: str, check: Check, started_at: float) -> None:
        self._check = check
        self._started_at = started_at
        self._ended_at = started_at
        self._result = CheckResult(passed=False)
        # Looked up late: gevent may have patched `threading` since the import.
        self._done = threading.Event()
        # A daemon: a check that hangs must not keep the interpreter from its exit.
        self._thread = threading.Thread(
            target=self._run, name=f"wsgi_observe.health:{name}", daemon=True
        )

    @property
    def deadline(self) -> float:
        """When the check counts as failing, on the monotonic clock."""
        return self._started_at + self._check.timeout

    def start(self) -> None:
        """Start the thread; where the system has none left, the check fails."""
        try:
            self._thread.start()
        except Exception as error:  # RuntimeError: can't start new thread
            self._finish(CheckResult(passed=False, error=error))

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

    def take_result(self) -> CheckResult:
        """Return the result, and release what the check raised: its frames keep objects alive.

        Until the check has returned, the result is that it hangs.
        """
        if not self._done.is_set():
            return self._make_hanging_result()
        result = self._result
        if result.passed and self._ended_at > self.deadline:
            elapsed = round(self._ended_at - self._started_at, 3)
            return CheckResult(False, f"took {elapsed} s (timeout: {self._check.timeout:g} s)")
        self._result = result._replace(error=None)
        return result

    def _run(self) -> None:
        try:
            # An empty context: one run serves all probes within the TTL, and may outlive the
            # request that happened to start it. Otherwise its log lines would have that request's
            # ID, its `bind` would write to that request, Flask's `g` would be that request's.
            self._finish(_evaluate(contextvars.Context().run(self._check.fn)))
        except BaseException as error:  # SystemExit, KeyboardInterrupt, GreenletExit, …
            self._finish(CheckResult(passed=False, error=error))

    def _finish(self, result: CheckResult) -> None:
        self._result = result
        self._ended_at = monotonic()
        self._done.set()

    def _make_hanging_result(self) -> CheckResult:
        detail = (
            f"hangs: no result after {round(monotonic() - self._started_at, 3)} s "
            f"(timeout: {self._check.timeout:g} s); it is not run again until it returns"
        )
        timeout_error = TimeoutError(detail).with_traceback(
            _get_thread_traceback(self._thread.ident)
        )
        return CheckResult(False, detail, timeout_error)


def _evaluate(result: object) -> CheckResult:
    if result is False:
        return CheckResult(False, "returned False")
    kind = type(result)  # not `__class__`, which may be code of the user's
    if issubclass(kind, (Awaitable, Generator, AsyncGenerator)):
        if isinstance(result, (Coroutine, Generator)):
            result.close()  # otherwise Python warns that it was never awaited
        return CheckResult(False, f"returned a {kind.__name__}, so that nothing was checked")
    # Anything but text is released at once: a database result would keep its connection.
    detail = (
        str.__getitem__(cast(str, result), slice(MAX_DETAIL_LENGTH))
        if issubclass(kind, str)
        else ""
    )
    return CheckResult(True, " ".join(detail.split()))


def _get_thread_traceback(thread: int | None) -> TracebackType | None:
    """Return the stack of `thread` as the traceback of an exception that is raised there."""
    frame = None if thread is None else sys._current_frames().get(thread)
    traceback = None
    while frame is not None and frame.f_code is not CheckThread._run.__code__:
        traceback = TracebackType(traceback, frame, frame.f_lasti, frame.f_lineno or 0)
        frame = frame.f_back
    return traceback
