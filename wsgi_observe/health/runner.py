"""The rounds of one process: at most one at a time, each concluded once."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from time import monotonic

from wsgi_observe.health.check import Check
from wsgi_observe.health.check_thread import Attempt, Outcome
from wsgi_observe.health.report import Report, judge
from wsgi_observe.health.transitions import History, News


class Engine:
    """Runs the checks of one process, and remembers how they were.

    It is made when it is first needed, thus in the worker and not in the process that forked it,
    and after gevent's patches. No line is logged, no check waited for and nothing of the user's
    run under its lock. Re-entrant, so that a signal handler that asks for a report at such a
    moment does not hang.
    """

    __slots__ = ("_checks", "_critical", "_histories", "_lock", "_round", "_ttl")

    def __init__(self, checks: Mapping[str, Check], ttl: float, remind: float) -> None:
        self._checks = checks
        self._critical = {name for name, check in checks.items() if check.critical}
        self._ttl = ttl
        self._histories = {name: History(name, check, remind) for name, check in checks.items()}
        self._round: Round | None = None
        self._lock = threading.RLock()

    def report(self) -> tuple[float, float, Report]:
        """Return from when and until when (monotonic clock) the current report is good, and it."""
        current = self._join()
        current.wait()
        return current.began, current.until, self._conclude(current)

    def hanging(self) -> tuple[str, ...]:
        """Return the names of the checks that run past their deadline."""
        current = self._round
        return () if current is None else current.hanging()

    def _join(self) -> Round:
        """Return the round that is on, or begin one."""
        with self._lock:
            current = self._round
            if current is None or not current.is_fresh():
                current = self._round = Round(self._checks, self._ttl, before=current)
            # Under the lock: a round that is overtaken while its threads are being started (the
            # process was suspended, say) would start a check beside itself.
            current.start()
            return current

    def _conclude(self, finished: Round) -> Report:
        """Return the round's report; the first to ask for it makes it and logs what changed."""
        news: list[News] = []
        with self._lock:
            report = finished.report
            if report is None:
                outcomes = finished.outcomes()
                results = {n: "ok" if o.passed else "fail" for n, o in outcomes.items()}
                report = finished.report = judge(results, self._critical)
                if finished is self._round:  # one that was overtaken is no news any more
                    now = monotonic()
                    noted = (self._histories[n].note(o, now) for n, o in outcomes.items())
                    news = [item for item in noted if item is not None]
        for item in news:
            item.log()
        return report


class Round:
    """A run of the checks that begins now and is good for `ttl` seconds.

    It has no thread of its own: those who ask wait for it, and the first to see it through
    concludes it. So it does not matter when one of them is killed while waiting.

    The TTL counts from the beginning, so that an outage shows within TTL plus timeout even when
    another check is slow. A check that still hangs in the round before is not started again.
    """

    __slots__ = ("_attempts", "_unstarted", "began", "report", "until")

    def __init__(self, checks: Mapping[str, Check], ttl: float, before: Round | None) -> None:
        now = monotonic()
        running = {} if before is None else before._running()
        new = {n: Attempt(n, check, now) for n, check in checks.items() if n not in running}
        self._attempts = {name: new.get(name) or running[name] for name in checks}
        self._unstarted = iter(new.values())
        self.began = now
        self.until = now + ttl
        self.report: Report | None = None

    def is_fresh(self) -> bool:
        """Return whether whoever asks now is served by this round.

        One that nobody saw through is joined while it can still run, however short the TTL.
        """
        now = monotonic()
        end = self.until if self.report is not None else max(self.until, self._deadline())
        return self.began <= now < end

    def start(self) -> None:
        """Start what is not running yet; the next caller goes on where a killed one stopped."""
        for attempt in self._unstarted:
            attempt.start()

    def wait(self) -> None:
        """Wait for every check, each at most until its deadline."""
        for attempt in self._attempts.values():
            attempt.wait()

    def outcomes(self) -> dict[str, Outcome]:
        """Return how every check stands."""
        return {name: attempt.outcome() for name, attempt in self._attempts.items()}

    def hanging(self) -> tuple[str, ...]:
        """Return the names of the checks that run past their deadline."""
        now = monotonic()
        return tuple(name for name, at in self._running().items() if at.deadline <= now)

    def _running(self) -> dict[str, Attempt]:
        return {name: at for name, at in self._attempts.items() if at.is_running()}

    def _deadline(self) -> float:
        return max((attempt.deadline for attempt in self._attempts.values()), default=0.0)
