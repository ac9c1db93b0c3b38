"""Transitions of a readiness check: it starts to fail, keeps failing, or recovers."""

from __future__ import annotations

import logging
from typing import NamedTuple

from wsgi_observe._loggers import get_logger
from wsgi_observe.health.check import Check
from wsgi_observe.health.check_thread import CheckResult
from wsgi_observe.wsgi.exceptions import any_failure

MAX_REASON_LENGTH = 200

_log = get_logger("wsgi_observe.health")


class Transition(NamedTuple):
    """A log line about a check that starts to fail, keeps failing, or recovers."""

    level: int
    change: str
    check: str
    critical: bool
    down_seconds: float
    result: CheckResult

    def log(self) -> None:
        """Write the line. A handler that raises costs this line, not the probe."""
        reason, error = _format_reason(self.result), self.result.error
        # As a tuple: of an exception itself, logging would ask whether it is true.
        exc_info = None if error is None else (type(error), error, error.__traceback__)
        extra = {"check": self.check, "critical": self.critical, "down_seconds": self.down_seconds}
        try:
            _log.log(
                self.level,
                "Readiness check %s %s%s",
                self.check,
                self.change,
                f": {reason}" if reason else "",
                exc_info=exc_info,
                extra=extra,
            )
        except any_failure():
            pass


class Transitions:
    """The history of one check: since when it fails, and when that was last logged."""

    __slots__ = ("_check", "_failing_since", "_last_logged_at", "_name", "_remind")

    def __init__(self, name: str, check: Check, remind: float) -> None:
        self._name = name
        self._check = check
        self._remind = remind
        self._failing_since: float | None = None
        self._last_logged_at = 0.0

    def record(self, result: CheckResult, now: float) -> Transition | None:
        """Record a result at `now` (seconds); return what there is to log, if anything."""
        since = self._failing_since
        down_seconds = 0.0 if since is None else round(now - since, 3)
        if result.passed:
            self._failing_since = None
            if since is None:
                return None
            change = f"passes again after {down_seconds} s"
            return self._make(logging.INFO, change, down_seconds, result)
        if since is not None and now - self._last_logged_at < self._remind:
            return None
        self._failing_since, self._last_logged_at = now if since is None else since, now
        change = "fails" if since is None else f"has been failing for {down_seconds} s"
        effect = "so readiness answers 503" if self._check.critical else "but is not critical"
        return self._make(logging.WARNING, f"{change}, {effect}", down_seconds, result)

    def _make(self, level: int, change: str, seconds: float, result: CheckResult) -> Transition:
        return Transition(level, change, self._name, self._check.critical, seconds, result)


def _format_reason(result: CheckResult) -> str:
    if result.detail or result.error is None:
        return result.detail
    kind = type(result.error).__name__
    try:
        detail = str(result.error)
    except any_failure():  # an exception class whose __str__ raises
        return kind
    line = " ".join(detail[: 2 * MAX_REASON_LENGTH].split())[:MAX_REASON_LENGTH]
    return f"{kind}: {line}" if line else kind
