"""The rounds of one process: at most one at a time, each concluded once."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from time import monotonic

from wsgi_observe.health.check import Check
from wsgi_observe.health.history import History, News
from wsgi_observe.health.report import Report, judge
from wsgi_observe.health.round import Round


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
