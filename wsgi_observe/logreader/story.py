"""The story of a request ID: its requests, and the timeline of what was logged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from wsgi_observe.field_names import ACCESS_NAMES, LINE_NAMES, PART_NAMES
from wsgi_observe.logreader.record import Fields, Record

# In the columns of an event, or in the summary of its request.
_SUMMARY_NAMES = (
    LINE_NAMES
    | (ACCESS_NAMES - {"query_string", "referer"})
    | PART_NAMES
    | {"route", "endpoint", "service", "release", "version", "buffered", "stack", "stack_info"}
)

# Between the beginnings of one request that two of its lines give, by their times and durations.
_SAME_START_SECONDS = 0.1


@dataclass(slots=True, eq=False, kw_only=True)
class Event(Record):
    """A record in the timeline.

    :ivar offset: seconds since the first request began; `gap`, since the event before it.
    :ivar is_after: whether the last response had already ended.
    :ivar is_related: whether it has another request ID, and the same trace ID.
    :ivar new_fields: its own fields, without those of a summary, and those that an event of its
        worker has had before it with the same value.
    """

    offset: float | None
    gap: float
    is_after: bool
    is_related: bool
    new_fields: Fields


@dataclass(frozen=True, slots=True)
class Story:
    """Everything that is known of one request ID.

    :ivar requests: the lines with which its requests ended: access lines, and those of deaths.
    :ivar start: when the first request began, or the first record was logged.
    """

    request_id: str
    requests: tuple[Record, ...]
    events: tuple[Event, ...]
    start: float | None

    @property
    def services(self) -> tuple[str, ...]:
        """The services that have logged something, in the order of their first lines."""
        return tuple(dict.fromkeys(event.service for event in self.events))

    @property
    def trace_ids(self) -> set[str]:
        """The trace IDs of its records."""
        return {event.text("trace_id") for event in self.events} - {""}


def build_story(
    request_id: str,
    records: Iterable[Record],
    related: Iterable[Record] = (),
    worker_end: Iterable[Record] = (),
) -> Story:
    """Return the story of a request.

    :param records: those with its ID, in the order in which they were read.
    :param related: those of the same trace, in which `records` may be again.
    :param worker_end: those about the end of its worker, likewise.
    """
    own = _join_parts(records)
    # A service that did not accept the ID has logged it beside one of its own.
    known = {_identify(record) for record in own}
    others = [one for one in _join_parts(related) if _identify(one) not in known]
    ordered = _sort_by_time([*own, *others])
    requests = _join_deaths(record for record in ordered if record.is_end)
    requests.sort(key=lambda one: one.start or 0.0)
    ordered = _sort_by_time(
        [*ordered, *(one for one in worker_end if one.request_id != request_id)]
    )
    times = (*(one.start for one in requests), *(one.time for one in ordered))
    start = min((time for time in times if time is not None), default=None)
    events = tuple(_make_events(ordered, start, request_id))
    return Story(request_id, tuple(requests), events, start)


def _join_deaths(ends: Iterable[Record]) -> list[Record]:
    """Return the records, one for a request that died and whose worker could still respond.

    Such as a sync worker of Gunicorn at its timeout: it logs the death, and then the access line.
    """
    joined: list[Record] = []
    deaths: dict[tuple[str, ...], int] = {}
    for one in ends:
        key = (one.service, one.request_id, one.text("method"), one.text("path"), one.worker_pid)
        number = deaths.get(key)
        if one.is_death:
            deaths[key] = len(joined)
        elif number is not None and _begin_together(joined[number], one):
            death = joined[number]
            how = {name: death.text(name) for name in ("outcome", "cause")}
            joined[number] = Record(one.fields | how, one.source)
            del deaths[key]
            continue
        joined.append(one)
    return joined


def _begin_together(one: Record, other: Record) -> bool:
    if one.start is None or other.start is None:
        return False
    return abs(one.start - other.start) <= _SAME_START_SECONDS


def _sort_by_time(records: Iterable[Record]) -> list[Record]:
    return sorted(records, key=lambda record: record.time or 0.0)


def _make_events(ordered: list[Record], start: float | None, request_id: str) -> Iterator[Event]:
    ends = [number for number, record in enumerate(ordered) if record.is_end]
    last_end = ends[-1] if ends else len(ordered)
    bound: dict[tuple[str, str], Fields] = {}
    previous = start
    for number, record in enumerate(ordered):
        time = record.time
        known = bound.setdefault((record.service, record.text("pid")), {})
        yield Event(
            record.fields,
            record.source,
            offset=None if time is None or start is None else time - start,
            gap=0.0 if time is None or previous is None else max(0.0, time - previous),
            is_after=number > last_end,
            is_related=record.request_id not in ("", request_id),
            new_fields=_select_new(record, known),
        )
        previous = previous if time is None else time


def _identify(record: Record) -> tuple[str, ...]:
    names = ("timestamp", "pid", "request_id", "logger", "message")
    return (record.source, *map(record.text, names))


def _select_new(record: Record, known: Fields) -> Fields:
    """Return the fields that this record adds to what is `known` of its worker, and add them."""
    new = {
        name: value
        for name, value in record.fields.items()
        if name not in _SUMMARY_NAMES and (name not in known or known[name] != value)
    }
    known |= new
    return new


def _join_parts(records: Iterable[Record]) -> list[Record]:
    """Return the records, each that was too long for a line put together from its parts."""
    whole: list[Record] = []
    parts: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for record in records:
        if record.is_part:
            key = (record.source, record.text("continues"))
            parts.setdefault(key, []).append(record.fields)
        else:
            whole.append(record)
    if not parts:
        return whole
    # Only now: it takes as long to import as the rest of the command.
    from wsgi_observe.logs.formatters.continuation import join_records

    return [
        Record(join_records([record.fields, *found])[0], record.source)
        if (found := parts.get((record.source, record.text("continued_in"))))
        else record
        for record in whole
    ]
