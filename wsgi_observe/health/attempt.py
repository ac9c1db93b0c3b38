"""One attempt at one check, on a thread that nothing it does can leave."""

from __future__ import annotations

import contextvars
import sys
import threading
from collections.abc import AsyncGenerator, Awaitable, Coroutine, Generator
from time import monotonic
from types import TracebackType
from typing import NamedTuple, cast

from wsgi_observe.health.check import Check

LONGEST_DETAIL = 200


class Outcome(NamedTuple):
    """How an attempt ended, or that it has not.

    :param passed: whether the check is fine.
    :param text: what is wrong, in words; of a check that passed, the string it returned.
    :param error: what it raised, or where it hangs.
    """

    passed: bool
    text: str = ""
    error: BaseException | None = None


class Attempt:
    """A check that is being tried, from `began` (the monotonic clock) until it returns.

    A thread for each attempt, none between them: an idle service has none, a fork finds none to
    inherit, and what a check leaves on its thread (a blocked signal, a thread-local session in a
    failed transaction) ends with it. Ten of them cost about a millisecond, once per TTL.
    """

    __slots__ = ("_began", "_check", "_ended", "_is_over", "_outcome", "_thread")

    def __init__(self, name: str, check: Check, began: float) -> None:
        self._check = check
        self._began = began
        self._ended = began
        self._outcome = Outcome(passed=False)
        # Looked up when it is needed: gevent may have patched `threading` since the import.
        self._is_over = threading.Event()
        # A daemon: a check that hangs must not keep the interpreter from its exit.
        self._thread = threading.Thread(
            target=self._run, name=f"wsgi_observe.health:{name}", daemon=True
        )

    @property
    def deadline(self) -> float:
        """When the check counts as failing, on the monotonic clock."""
        return self._began + self._check.timeout

    def start(self) -> None:
        """Start the thread; a machine that has none left makes a failing check."""
        try:
            self._thread.start()
        except Exception as error:  # RuntimeError: can't start new thread
            self._end(Outcome(passed=False, error=error))

    def wait(self) -> None:
        """Wait until the check is over, at most until its deadline."""
        if not self._is_over.is_set():
            left = self.deadline - monotonic()
            # Never longer than the timeout: a snapshot that is restored elsewhere, or a test that
            # freezes the clock, turns a monotonic clock back.
            self._is_over.wait(min(max(0.0, left), self._check.timeout))

    def is_running(self) -> bool:
        """Return whether a thread is at it (one whose start was broken off is not)."""
        return not self._is_over.is_set() and self._thread.is_alive()

    def outcome(self) -> Outcome:
        """Return how it stands now, and forget what it raised: its frames hold on to things."""
        if not self._is_over.is_set():
            return self._hanging()
        outcome = self._outcome
        if outcome.passed and self._ended > self.deadline:
            taken = round(self._ended - self._began, 3)
            return Outcome(False, f"took {taken} s, {self._check.timeout:g} s is allowed")
        self._outcome = outcome._replace(error=None)
        return outcome

    def _run(self) -> None:
        try:
            # An empty context: the run is everybody's who asks within the TTL, and may outlive
            # the request that happened to start it. Its log lines would claim that request's ID,
            # its `bind` would write to that request, Flask's `g` would be that request's.
            self._end(_judge(contextvars.Context().run(self._check.fn)))
        except BaseException as error:  # SystemExit, KeyboardInterrupt, GreenletExit, …
            self._end(Outcome(passed=False, error=error))

    def _end(self, outcome: Outcome) -> None:
        self._outcome = outcome
        self._ended = monotonic()
        self._is_over.set()

    def _hanging(self) -> Outcome:
        text = (
            f"hangs: no answer after {round(monotonic() - self._began, 3)} s, "
            f"{self._check.timeout:g} s is allowed; it is not started again before it returns"
        )
        where = TimeoutError(text).with_traceback(_stack_of(self._thread.ident))
        return Outcome(False, text, where)


def _judge(result: object) -> Outcome:
    if result is False:
        return Outcome(False, "returned False")
    kind = type(result)  # which nothing of the user's own answers for, as it may for `__class__`
    if issubclass(kind, (Awaitable, Generator, AsyncGenerator)):
        if isinstance(result, (Coroutine, Generator)):
            result.close()  # otherwise Python warns that it was never awaited
        return Outcome(False, f"returned a {kind.__name__}, so that nothing was checked")
    # Anything but text is let go at once: a database result would hold its connection.
    text = (
        str.__getitem__(cast(str, result), slice(LONGEST_DETAIL)) if issubclass(kind, str) else ""
    )
    return Outcome(True, " ".join(text.split()))


def _stack_of(thread: int | None) -> TracebackType | None:
    """Return where `thread` is, as the traceback that an exception raised there would have."""
    frame = None if thread is None else sys._current_frames().get(thread)
    trace = None
    while frame is not None and frame.f_code is not Attempt._run.__code__:
        trace = TracebackType(trace, frame, frame.f_lasti, frame.f_lineno or 0)
        frame = frame.f_back
    return trace
