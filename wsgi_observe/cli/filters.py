"""Filters of records by time, level, status, route, service, duration and ID; their options."""

from __future__ import annotations

import re
import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import partial

from wsgi_observe.logreader.record import LEVELS, Record, parse_time

Test = Callable[[Record], bool]

_SECOND = 1000
_MILLISECONDS = {"ms": 1, "s": _SECOND, "m": 60 * _SECOND, "min": 60 * _SECOND}
_MILLISECONDS |= {"h": 3600 * _SECOND, "d": 86_400 * _SECOND, "w": 604_800 * _SECOND}
_duration = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*(ms|s|min|m|h|d|w)?")
_FIRST_NUMBER = 1e8  # of seconds since the epoch; a smaller one is likely meant otherwise
_status = re.compile(r"[0-9][0-9x]{2}")


def add_filter_arguments(parser: ArgumentParser) -> None:
    """Add the arguments for times, route and service, for `make_tests`."""
    parser.add_argument(
        "--since", type=parse_moment, metavar="TIME", help="RFC 3339, or such as 15m"
    )
    parser.add_argument("--until", type=parse_moment, metavar="TIME", help="the same")
    parser.add_argument("--route", default="", help="route or path, or a pattern of it")
    parser.add_argument("--service", default="", help="value of the field service, or a pod")


def make_tests(args: Namespace, *more: Test | None) -> list[Test]:
    """Return the tests of the arguments that `add_filter_arguments` has added, and `more`."""
    tests = [test for test in more if test is not None]
    if args.route:
        tests.append(partial(_has_route, args.route))
    if args.service:
        tests.append(lambda record: args.service in (record.text("service"), record.source))
    if args.since is not None or args.until is not None:
        tests.append(partial(_is_between, args.since, args.until))
    return tests


def _has_route(wanted: str, record: Record) -> bool:
    texts = (record.text("route"), record.text("path"))
    return any(text == wanted or fnmatchcase(text, wanted) for text in texts)


def _is_between(since: float | None, until: float | None, record: Record) -> bool:
    time = record.time
    if time is None:
        return False
    return (since is None or time >= since) and (until is None or time <= until)


def has_id(text: str) -> Test:
    """Return the test for a request ID, its beginning, or its end as a console shows it."""
    return lambda record: record.request_id.startswith(text) or record.request_id.endswith(text)


def is_at_least(level: str) -> Test:
    """Return the test for a level or a higher one."""
    severity = parse_level(level)
    return lambda record: record.severity >= severity


def has_status(text: str) -> Test:
    """Return the test for the status codes and classes of a list such as ``404,5xx``."""
    statuses = [one.strip().lower() for one in text.split(",")]
    if not all(map(_status.fullmatch, statuses)):
        raise ArgumentTypeError(f"must be status codes such as 404 or 5xx, not {text}")
    pattern = re.compile("|".join(statuses).replace("x", "."))
    return lambda record: pattern.fullmatch(str(record.status)) is not None


def is_slow(text: str) -> Test:
    """Return the test for requests that took as long as a duration, or had run when reported."""
    least = parse_duration(text)
    return lambda record: (seconds := record.seconds) is not None and seconds >= least


def parse_level(text: str, least: int = 0) -> int:
    """Return the number of a level's name.

    >>> parse_level("warning")
    30
    """
    *names, last = (name for name, number in LEVELS.items() if number >= least)
    if text.upper() not in (*names, last):
        raise ArgumentTypeError(f"must be {', '.join(names)} or {last}, not {text}")
    return LEVELS[text.upper()]


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
