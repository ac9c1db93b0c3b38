"""What is worth a log line: a check that starts to fail, goes on failing, or recovers."""

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
    """One log line, not yet written."""

    level: int
    description: str
    check: str
    critical: bool
    down_seconds: float
    result: CheckResult

    def log(self) -> None:
        """Write the line. A handler that raises costs this line, not the probe that found it."""
        name = self.check if self.critical else f"{self.check} (not critical)"
        extra = {
            "check": self.check,
            "critical": self.critical,
            "down_seconds": self.down_seconds,
        }
        reason, error = _format_reason(self.result), self.result.error
        # As a tuple: of an exception itself, logging would ask whether it is true.
        exc_info = None if error is None else (type(error), error, error.__traceback__)
        try:
            _log.log(
                self.level,
                "Readiness check %s %s%s",
                name,
                self.description,
                f": {reason}" if reason else "",
                exc_info=exc_info,
                extra=extra,
            )
        except any_failure():
            pass


class Transitions:
    """Since when one check has been failing, and when that was last said."""

    __slots__ = ("_check", "_failing_since", "_last_logged_at", "_name", "_remind")

    def __init__(self, name: str, check: Check, remind: float) -> None:
        self._name = name
        self._check = check
        self._remind = remind
        self._failing_since: float | None = None
        self._last_logged_at = 0.0

    def record(self, result: CheckResult, now: float) -> Transition | None:
        """Take note of an outcome at `now` (seconds); return what there is to say about it."""
        failing_since = self._failing_since
        if result.passed:
            self._failing_since = None
            if failing_since is None:
                return None
            down_seconds = round(now - failing_since, 3)
            return self._make_transition(
                logging.INFO, f"passes again after {down_seconds} s", down_seconds, result
            )
        if failing_since is None:
            self._failing_since = self._last_logged_at = now
            return self._make_transition(logging.WARNING, "fails", 0.0, result)
        if now - self._last_logged_at < self._remind:
            return None
        self._last_logged_at = now
        down_seconds = round(now - failing_since, 3)
        return self._make_transition(
            logging.WARNING, f"has been failing for {down_seconds} s", down_seconds, result
        )

    def _make_transition(
        self, level: int, description: str, down_seconds: float, result: CheckResult
    ) -> Transition:
        return Transition(
            level, description, self._name, self._check.critical, down_seconds, result
        )


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
