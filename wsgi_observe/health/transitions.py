"""Transitions of a readiness check: it starts to fail, keeps failing, or recovers."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from wsgi_observe._loggers import get_logger
from wsgi_observe.health.check import Check, CheckResult
from wsgi_observe.wsgi.exceptions import any_failure

_MAX_REASON_LENGTH = 200

_log = get_logger("wsgi_observe.health")


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


def shorten(text: str) -> str:
    """Return the beginning of a text, on one line."""
    return " ".join(text[: 2 * _MAX_REASON_LENGTH].split())[:_MAX_REASON_LENGTH]


def _format_reason(result: CheckResult) -> str:
    if result.detail or result.error is None:
        return result.detail
    kind = type(result.error).__name__
    try:
        line = shorten(str(result.error))
    except any_failure():  # an exception class whose __str__ raises
        return kind
    return f"{kind}: {line}" if line else kind
