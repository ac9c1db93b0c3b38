"""Runs of the readiness checks in one process: at most one at a time, each evaluated once."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from time import monotonic

from wsgi_observe.health.check import Check
from wsgi_observe.health.check_thread import CheckResult, CheckThread
from wsgi_observe.health.report import Report, make_report
from wsgi_observe.health.transitions import Transition, Transitions


class ReadinessRunner:
    """Runs the checks of one process, and records how their results change.

    Created on first use, thus in the worker instead of the process that forked it, and after
    gevent's patches. Under its lock it logs nothing, waits for no check and calls no code of the
    user's. The lock is re-entrant, so that a signal handler can request a report at any moment.
    """

    __slots__ = ("_checks", "_critical", "_current_run", "_lock", "_transitions", "_ttl")

    def __init__(self, checks: Mapping[str, Check], ttl: float, remind: float) -> None:
        self._checks = checks
        self._critical = {name for name, check in checks.items() if check.critical}
        self._ttl = ttl
        self._transitions = {
            name: Transitions(name, check, remind) for name, check in checks.items()
        }
        self._current_run: CheckRun | None = None
        self._lock = threading.RLock()

    def report(self) -> tuple[float, float, Report]:
        """Return the report and before it the times when it is valid from and to (monotonic)."""
        run = self._join_or_start_run()
        run.wait()
        return run.started_at, run.expires_at, self._complete_run(run)

    def hanging(self) -> tuple[str, ...]:
        """Return the names of the checks that run past their deadline."""
        run = self._current_run
        return () if run is None else run.hanging()

    def _join_or_start_run(self) -> CheckRun:
        """Return the current run, or start one."""
        with self._lock:
            run = self._current_run
            if run is None or not run.is_fresh():
                run = self._current_run = CheckRun(self._checks, self._ttl, previous=run)
            # Under the lock: a run that is replaced while its threads are being started (because
            # the process was suspended, say) would run a check twice at the same time.
            run.start()
            return run

    def _complete_run(self, run: CheckRun) -> Report:
        """Return the report of a run; the first caller makes it and logs what has changed."""
        transitions: list[Transition] = []
        with self._lock:
            report = run.report
            if report is None:
                results = run.take_results()
                statuses = {n: "ok" if o.passed else "fail" for n, o in results.items()}
                report = run.report = make_report(statuses, self._critical)
                if run is self._current_run:  # the results of an older run are outdated
                    now = monotonic()
                    recorded = (self._transitions[n].record(o, now) for n, o in results.items())
                    transitions = [transition for transition in recorded if transition is not None]
        for transition in transitions:
            transition.log()
        return report


class CheckRun:
    """One run of the checks, which begins now and is valid for `ttl` seconds.

    It has no thread of its own: all callers wait for it, and the first to finish waiting
    evaluates it. So it does not matter if one of them is killed while waiting.

    The TTL counts from the beginning, so that an outage shows within TTL plus timeout even when
    another check is slow. A check that still hangs in the `previous` run is not run again.
    """

    __slots__ = ("_threads", "_unstarted_threads", "expires_at", "report", "started_at")

    def __init__(self, checks: Mapping[str, Check], ttl: float, previous: CheckRun | None) -> None:
        now = monotonic()
        running_threads = {} if previous is None else previous._running_threads()
        new_threads = {
            n: CheckThread(n, check, now) for n, check in checks.items() if n not in running_threads
        }
        self._threads = {name: new_threads.get(name) or running_threads[name] for name in checks}
        self._unstarted_threads = iter(new_threads.values())
        self.started_at = now
        self.expires_at = now + ttl
        self.report: Report | None = None

    def is_fresh(self) -> bool:
        """Return whether this run serves a probe that arrives now.

        One without a report is joined while it can still be running, however short the TTL.
        """
        now = monotonic()
        end = (
            self.expires_at
            if self.report is not None
            else max(self.expires_at, self._latest_deadline())
        )
        return self.started_at <= now < end

    def start(self) -> None:
        """Start the threads; the next caller goes on where an interrupted one has stopped."""
        for thread in self._unstarted_threads:
            thread.start()

    def wait(self) -> None:
        """Wait for every check, each at most until its deadline."""
        for thread in self._threads.values():
            thread.wait()

    def take_results(self) -> dict[str, CheckResult]:
        """Return the result of every check, once."""
        return {name: thread.take_result() for name, thread in self._threads.items()}

    def hanging(self) -> tuple[str, ...]:
        """Return the names of the checks that run past their deadline."""
        now = monotonic()
        return tuple(
            name for name, thread in self._running_threads().items() if thread.deadline <= now
        )

    def _running_threads(self) -> dict[str, CheckThread]:
        return {name: thread for name, thread in self._threads.items() if thread.is_running()}

    def _latest_deadline(self) -> float:
        return max((thread.deadline for thread in self._threads.values()), default=0.0)
