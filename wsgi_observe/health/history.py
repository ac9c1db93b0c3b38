"""What is worth a log line: a check that starts to fail, goes on failing, or recovers."""

from __future__ import annotations

import logging
from typing import NamedTuple

from wsgi_observe.core.failures import any_failure
from wsgi_observe.core.loggers import get_logger
from wsgi_observe.health.attempt import Outcome
from wsgi_observe.health.check import Check

LONGEST_REASON = 200

_log = get_logger("wsgi_observe.health")


class News(NamedTuple):
    """One log line, not yet written."""

    level: int
    what: str
    check: str
    critical: bool
    down_seconds: float
    outcome: Outcome

    def log(self) -> None:
        """Write the line. A handler that raises costs this line, not the probe that found it."""
        name = self.check if self.critical else f"{self.check} (not critical)"
        extra = {
            "check": self.check,
            "critical": self.critical,
            "down_seconds": self.down_seconds,
        }
        reason, error = _reason(self.outcome), self.outcome.error
        # As a tuple: of an exception itself, logging would ask whether it is true.
        exc_info = None if error is None else (type(error), error, error.__traceback__)
        try:
            _log.log(
                self.level,
                "Readiness check %s %s%s",
                name,
                self.what,
                f": {reason}" if reason else "",
                exc_info=exc_info,
                extra=extra,
            )
        except any_failure():
            pass


class History:
    """Since when one check has been failing, and when that was last said."""

    __slots__ = ("_check", "_down_since", "_name", "_remind", "_said")

    def __init__(self, name: str, check: Check, remind: float) -> None:
        self._name = name
        self._check = check
        self._remind = remind
        self._down_since: float | None = None
        self._said = 0.0

    def note(self, outcome: Outcome, now: float) -> News | None:
        """Take note of an outcome at `now` (seconds); return what there is to say about it."""
        since = self._down_since
        if outcome.passed:
            self._down_since = None
            if since is None:
                return None
            down = round(now - since, 3)
            return self._news(logging.INFO, f"passes again after {down} s", down, outcome)
        if since is None:
            self._down_since = self._said = now
            return self._news(logging.WARNING, "fails", 0.0, outcome)
        if now - self._said < self._remind:
            return None
        self._said = now
        down = round(now - since, 3)
        return self._news(logging.WARNING, f"has been failing for {down} s", down, outcome)

    def _news(self, level: int, what: str, down: float, outcome: Outcome) -> News:
        return News(level, what, self._name, self._check.critical, down, outcome)


def _reason(outcome: Outcome) -> str:
    if outcome.text or outcome.error is None:
        return outcome.text
    kind = type(outcome.error).__name__
    try:
        text = str(outcome.error)
    except any_failure():  # an exception class whose __str__ raises
        return kind
    line = " ".join(text[: 2 * LONGEST_REASON].split())[:LONGEST_REASON]
    return f"{kind}: {line}" if line else kind
