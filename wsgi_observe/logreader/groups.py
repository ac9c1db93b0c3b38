"""Groups of errors: failures with the same fingerprint, counted, with what they have in common."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from wsgi_observe.logreader.counting import DistinctCount, Histogram, count_bounded
from wsgi_observe.logreader.record import LEVELS, Record
from wsgi_observe.logreader.tracebacks import Frame, find_raising_frame, parse_place, parse_stack

_NEWEST = 5
_MAX_TEXT = 1000

# What differs from one message to the next: numbers, hex digits, what is quoted.
_variable = re.compile(r"'[^']{0,200}'|\"[^\"]{0,200}\"|\b[0-9a-fA-F-]{8,}\b|\d+")
_variable_segment = re.compile(r"/[^/]*\d[^/]*")


class GroupKey(NamedTuple):
    """What the errors of a group have in common.

    `kind` is ``exception``, ``status`` (a 5xx without an exception), ``death``, ``slow`` (a request
    that had run for long) or ``message``.
    """

    kind: str
    what: str
    where: str = ""


@dataclass(eq=False)
class ErrorGroup:
    """Errors that have the same cause, as far as their lines show.

    :ivar title: the exception's class, the status, the cause of death or the message.
    :ivar severity: the highest level, as `logging` numbers it.
    :ivar frame: where the exception was raised in the app, or where a slow request was.
    :ivar message: that of the newest error.
    """

    key: GroupKey
    title: str = ""
    error_id: str = ""
    severity: int = 0
    frame: Frame | None = None
    message: str = ""
    count: int = 0
    requests: DistinctCount = field(default_factory=DistinctCount)
    outside_requests: int = 0
    first: float | None = None
    last: float | None = None
    over_time: Histogram = field(default_factory=Histogram)
    routes: Counter[str] = field(default_factory=Counter)
    releases: Counter[str] = field(default_factory=Counter)
    jobs: Counter[str] = field(default_factory=Counter)
    services: Counter[str] = field(default_factory=Counter)
    _newest: list[tuple[float, int, str]] = field(default_factory=list)

    def add(self, record: Record, title: str, frame: Frame | None) -> None:
        """Count an error."""
        self.count += 1
        self.severity = max(self.severity, record.severity)
        time = record.time
        if time is not None:
            self.over_time.add(time)
            self.first = time if self.first is None else min(self.first, time)
        if time is None or self.last is None or time >= self.last:
            self.title, self.frame = title, frame
            self.message = _get_message(record)[:_MAX_TEXT]
            self.error_id = record.text("error_id")[:_MAX_TEXT] or self.error_id
        if time is not None:
            self.last = time if self.last is None else max(self.last, time)
        self._add_request(record.request_id[:_MAX_TEXT], time or 0.0)
        for counter, text in (
            (self.routes, get_route(record)),
            (self.releases, record.release),
            (self.jobs, record.text("job")),
            (self.services, record.text("service")),
        ):
            if text:
                count_bounded(counter, text[:_MAX_TEXT])

    @property
    def level(self) -> str:
        """The name of the highest level."""
        return next((name for name, number in LEVELS.items() if number == self.severity), "")

    @property
    def failures(self) -> int:
        """How often something failed: a request counts once, however often it logged that."""
        return self.requests.value + self.outside_requests

    @property
    def target(self) -> str:
        """What was asked for, where that distinguishes the group."""
        return self.key.where if self.key.kind in ("status", "death", "slow") else ""

    def count_over_time(self, start: float | None, end: float | None, number: int) -> list[int]:
        """Return the counts in equal parts of a range, by default of its own; empty without one."""
        if self.first is None or self.last is None:
            return []
        start, end = self.first if start is None else start, self.last if end is None else end
        return self.over_time.resample(start, end, number)

    @property
    def newest_ids(self) -> list[str]:
        """The request IDs of the newest errors, the newest first."""
        return [request_id for _, _, request_id in self._newest]

    def _add_request(self, request_id: str, time: float) -> None:
        if not request_id:
            self.outside_requests += 1
            return
        self.requests.add(request_id)
        if any(known == request_id for _, _, known in self._newest):
            return
        # The later of two lines of the same millisecond is the newer one.
        entry = (time, self.count, request_id)
        self._newest = sorted([*self._newest, entry], reverse=True)[:_NEWEST]


def get_route(record: Record) -> str:
    """Return the route of a record; without one, its path with what varies left out.

    >>> get_route(Record({"path": "/orders/7/items"}))
    '/orders/…/items'
    """
    return record.text("route") or _variable_segment.sub("/…", record.text("path")[:_MAX_TEXT])


def classify(record: Record) -> tuple[GroupKey, str, Frame | None]:
    """Return what an error has in common with others of its group, its title, and its place."""
    target = f"{record.text('method')} {get_route(record)}"
    error_id, exc_type = (record.text(name)[:_MAX_TEXT] for name in ("error_id", "exc_type"))
    if error_id or (not record.is_death and (exc_type or "exc_info" in record.fields)):
        exceptions = record.exceptions
        frame = find_raising_frame(exceptions)
        where = f"{_shorten(frame.path)}:{frame.function}" if frame else get_route(record)
        key = GroupKey("exception", error_id or exc_type, "" if error_id else where)
        return key, (exceptions[0].type if exceptions else "") or exc_type, frame
    place = _find_place(record)
    if record.is_death:
        cause = record.text("cause")[:_MAX_TEXT]
        return GroupKey("death", cause, target), f"died: {cause}", place
    status = record.status
    if status is not None and status >= 500:
        return GroupKey("status", str(status), target), f"{status} without an exception", place
    if record.is_slow_report:
        return GroupKey("slow", "", target), "slow", place
    message = record.text("message")[:_MAX_TEXT]
    where = record.text("at") or record.text("logger")
    key = GroupKey("message", _variable.sub("…", message), where[:_MAX_TEXT])
    return key, message, place


def _find_place(record: Record) -> Frame | None:
    """Return where a request was when it was reported, or a statement was executed."""
    own = [frame for frame in parse_stack(record.text("stack")) if frame.is_own]
    return own[-1] if own else parse_place(record.text("at"))


def _get_message(record: Record) -> str:
    exceptions = record.exceptions
    if exceptions and exceptions[0].headline:
        return exceptions[0].headline.partition(": ")[2] or exceptions[0].headline
    if record.is_slow_report:
        return f"still running after {record.text('age')} s"
    return record.text("db_statement") or record.text("message")


def _shorten(path: str) -> str:
    """Return the end of a path, which is the same wherever the app is installed."""
    return "/".join(path.replace("\\", "/").split("/")[-2:])


def select_new(
    groups: Iterable[ErrorGroup], release: str, first_seen: dict[str, float]
) -> list[ErrorGroup]:
    """Return the groups whose errors are all of `release`, or of releases first seen after it.

    :param first_seen: the time of the first line of each release.
    """
    since = first_seen[release]
    return [
        group
        for group in groups
        if group.releases and all(first_seen.get(one, since) >= since for one in group.releases)
    ]
