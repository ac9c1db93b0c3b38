"""Filters of records: by time, level, status, route, service, duration and request ID."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase

from wsgi_observe.logreader.record import LEVELS, Record, parse_time

_SECOND = 1000
_MILLISECONDS = {"ms": 1, "s": _SECOND, "m": 60 * _SECOND, "min": 60 * _SECOND}
_MILLISECONDS |= {"h": 3600 * _SECOND, "d": 86_400 * _SECOND, "w": 604_800 * _SECOND}
_duration = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*(ms|s|min|m|h|d|w)?")
_FIRST_NUMBER = 1e8  # of seconds since the epoch; a smaller one is likely meant otherwise
_status = re.compile(r"[0-9][0-9x]{2}")


@dataclass(frozen=True, slots=True)
class RecordFilter:
    """What a record has to be; what is None or empty is not asked for.

    :ivar request_id: the whole ID, its beginning, or its end as a console shows it.
    :ivar severity: the lowest level, as `logging` numbers it.
    :ivar statuses: status codes such as ``404`` and classes such as ``5xx``.
    :ivar route: a route, a path, or a pattern of either such as ``/orders/*``.
    :ivar slow: the least seconds that a request took, or had run when it was reported.
    """

    request_id: str = ""
    severity: int = 0
    statuses: tuple[str, ...] = ()
    route: str = ""
    service: str = ""
    slow: float | None = None
    since: float | None = None
    until: float | None = None

    @property
    def tests(self) -> list[Callable[[Record], bool]]:
        """The tests that a record has to pass."""
        asked = [one.name for one in fields(self) if getattr(self, one.name) != one.default]
        tests = {name: getattr(self, f"_has_{name}") for name in asked if name != "until"}
        if "until" in asked:
            tests["since"] = self._has_since
        return list(tests.values())

    def _has_request_id(self, record: Record) -> bool:
        request_id = record.request_id
        return request_id.startswith(self.request_id) or request_id.endswith(self.request_id)

    def _has_severity(self, record: Record) -> bool:
        return record.severity >= self.severity

    def _has_statuses(self, record: Record) -> bool:
        status = record.status
        if status is None:
            return False
        text = f"{status:03d}"
        return any(
            len(text) == 3 and all(b in ("x", a) for a, b in zip(text, asked, strict=True))
            for asked in self.statuses
        )

    def _has_route(self, record: Record) -> bool:
        texts = (record.text("route"), record.text("path"))
        return any(text == self.route or fnmatchcase(text, self.route) for text in texts)

    def _has_service(self, record: Record) -> bool:
        return self.service in (record.text("service"), record.source)

    def _has_slow(self, record: Record) -> bool:
        assert self.slow is not None
        seconds = record.seconds
        return seconds is not None and seconds >= self.slow

    def _has_since(self, record: Record) -> bool:
        time = record.time
        if time is None:
            return False
        return (self.since is None or time >= self.since) and (
            self.until is None or time <= self.until
        )


def parse_level(text: str) -> int:
    """Return the number of a level's name.

    >>> parse_level("warning")
    30
    """
    try:
        return LEVELS[text.upper()]
    except KeyError:
        raise ValueError(f"must be one of {', '.join(LEVELS)}, not {text}") from None


def parse_failure_level(text: str) -> int:
    """Return the number of a level's name, which is at least WARNING."""
    level = LEVELS.get(text.upper(), 0)
    if level < LEVELS["WARNING"]:
        raise ValueError(f"must be WARNING, ERROR or CRITICAL, not {text}")
    return level


def parse_statuses(text: str) -> tuple[str, ...]:
    """Return the status codes and classes of a list.

    >>> parse_statuses("404,5xx")
    ('404', '5xx')
    """
    statuses = tuple(one.strip().lower() for one in text.split(","))
    if not all(map(_status.fullmatch, statuses)):
        raise ValueError(f"must be status codes such as 404 or 5xx, not {text}")
    return statuses


def parse_duration(text: str) -> float:
    """Return the seconds of a duration; without a unit, it is in seconds.

    >>> parse_duration("500ms"), parse_duration("2h")
    (0.5, 7200.0)
    """
    found = _duration.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"must be a duration such as 500ms, 2s, 15m, 2h or 1d, not {text}")
    return float(found[1]) * _MILLISECONDS[found[2] or "s"] / _SECOND


def parse_moment(text: str) -> float:
    """Return a time, or how long ago it was, in seconds since the epoch.

    >>> parse_moment("1970-01-02"), parse_moment("1970-01-01T01:00:00Z")
    (86400.0, 3600.0)
    """
    found = parse_time(text)
    if found is not None and (found > _FIRST_NUMBER or not text.isdecimal()):
        return found
    try:
        if text.isdecimal():
            raise ValueError
        return time.time() - parse_duration(text)
    except ValueError:
        message = "must be a time (RFC 3339, UTC) or how long ago, such as 15m, 2h or 1d"
        raise ValueError(f"{message}, not {text}") from None
