"""One run of all checks beside each other, shared by everybody who asks while it is fresh."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic

from wsgi_observe.health.attempt import Attempt, Outcome
from wsgi_observe.health.check import Check
from wsgi_observe.health.report import Report


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
