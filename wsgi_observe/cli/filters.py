"""Filters of records by time, level, status, route, service, duration and ID; their options."""

from __future__ import annotations

import re
import time
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from fnmatch import fnmatchcase

from wsgi_observe.logreader.record import LEVELS, Record, parse_time

Test = Callable[[Record], bool]

_SECOND = 1000
_MILLISECONDS = {"ms": 1, "s": _SECOND, "m": 60 * _SECOND, "min": 60 * _SECOND}
_MILLISECONDS |= {"h": 3600 * _SECOND, "d": 86_400 * _SECOND, "w": 604_800 * _SECOND}
_duration = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*(ms|s|min|m|h|d|w)?")
_FIRST_NUMBER = 1e8  # of seconds since the epoch; a smaller one is likely meant otherwise
_status = re.compile(r"[0-9][0-9x]{2}")


def add_filter_arguments(parser: ArgumentParser) -> None:
    """Add the arguments for times, route and service, as `make_tests` takes them."""
    parser.add_argument(
        "--since", type=parse_moment, metavar="TIME", help="RFC 3339, or such as 15m"
    )
    parser.add_argument("--until", type=parse_moment, metavar="TIME", help="the same")
    parser.add_argument("--route", default="", help="route or path, or a pattern of it")
    parser.add_argument("--service", default="", help="value of the field service, or a pod")


def make_tests(
    *,
    since: float | None,
    until: float | None,
    route: str,
    service: str,
    request_id: str = "",
    severity: int = 0,
    statuses: re.Pattern[str] | None = None,
    slow: float | None = None,
) -> list[Test]:
    """Return the tests that a record has to pass; what is None or empty is not asked for.

    :param route: a route, a path, or a pattern of either such as ``/orders/*``.
    :param request_id: the whole ID, its beginning, or its end as a console shows it.
    :param severity: the lowest level, as `logging` numbers it.
    :param slow: the least seconds that a request took, or had run when it was reported.
    """

    def is_in_range(record: Record) -> bool:
        at = record.time
        if at is None:
            return False
        return (since is None or at >= since) and (until is None or at <= until)

    def has_id(record: Record) -> bool:
        return record.request_id.startswith(request_id) or record.request_id.endswith(request_id)

    def has_status(record: Record) -> bool:
        return statuses is not None and statuses.fullmatch(str(record.status)) is not None

    def has_route(record: Record) -> bool:
        texts = (record.text("route"), record.text("path"))
        return any(text == route or fnmatchcase(text, route) for text in texts)

    def is_slow(record: Record) -> bool:
        seconds = record.seconds
        return slow is not None and seconds is not None and seconds >= slow

    tests: list[tuple[bool, Test]] = [
        (bool(request_id), has_id),
        (severity > 0, lambda record: record.severity >= severity),
        (statuses is not None, has_status),
        (bool(route), has_route),
        (bool(service), lambda record: service in (record.text("service"), record.source)),
        (slow is not None, is_slow),
        (since is not None or until is not None, is_in_range),
    ]
    return [test for is_asked, test in tests if is_asked]


def parse_level(text: str, least: int = 0) -> int:
    """Return the number of a level's name.

    >>> parse_level("warning")
    30
    """
    *names, last = (name for name, number in LEVELS.items() if number >= least)
    if text.upper() not in (*names, last):
        raise ArgumentTypeError(f"must be {', '.join(names)} or {last}, not {text}")
    return LEVELS[text.upper()]


def parse_statuses(text: str) -> re.Pattern[str]:
    """Return the pattern of a list of status codes and classes.

    >>> parse_statuses("404,5xx").pattern
    '404|5..'
    """
    statuses = [one.strip().lower() for one in text.split(",")]
    if not all(map(_status.fullmatch, statuses)):
        raise ArgumentTypeError(f"must be status codes such as 404 or 5xx, not {text}")
    return re.compile("|".join(statuses).replace("x", "."))


def parse_duration(text: str) -> float:
    """Return the seconds of a duration; without a unit, it is in seconds.

    >>> parse_duration("500ms"), parse_duration("2h")
    (0.5, 7200.0)
    """
    found = _duration.fullmatch(text.strip())
    if found is None:
        raise ArgumentTypeError(f"must be a duration such as 500ms, 2s, 15m, 2h or 1d, not {text}")
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
        if not text.isdecimal():
            return time.time() - parse_duration(text)
    except ArgumentTypeError:
        pass
    message = "must be a time (RFC 3339, UTC) or how long ago, such as 15m, 2h or 1d"
    raise ArgumentTypeError(f"{message}, not {text}")
