"""The story of a request ID: its requests in short, and the timeline of what was logged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from wsgi_observe.field_names import ACCESS_NAMES, LINE_NAMES, PART_NAMES
from wsgi_observe.logreader.record import Fields, Record
from wsgi_observe.logreader.tracebacks import RaisedException, parse_traceback

# In the columns of an event, or in the summary of its request.
_SUMMARY_NAMES = (
    LINE_NAMES
    | (ACCESS_NAMES - {"query_string", "referer"})
    | PART_NAMES
    | {"route", "endpoint", "service", "release", "version", "buffered", "stack", "stack_info"}
)


@dataclass(frozen=True, slots=True)
class RequestSummary:
    """What a service reports of one request: from its access line, or the line of its death.

    :ivar start: when it began, in seconds since the epoch; `duration`, in seconds.
    :ivar fields: all fields of that line.
    """

    service: str
    request_id: str
    method: str
    path: str
    route: str
    status: int | None
    outcome: str
    cause: str
    start: float | None
    duration: float | None
    client: str
    release: str
    pid: str
    fields: Fields


@dataclass(frozen=True, slots=True)
class Event:
    """A record in the timeline.

    :ivar offset: seconds since the first request began; `gap`, since the event before it.
    :ivar kind: ``access``, ``death``, ``slow``, ``error`` or ``log``.
    :ivar is_after: whether the last response had already ended.
    :ivar is_buffered: whether it is below the level, and was written because the request failed.
    :ivar is_related: whether it has another request ID, and the same trace ID.
    :ivar fields: its own fields, and those that were bound since the last event of its worker.
    :ivar traceback: the exceptions of its traceback; `stack`, that of a slow or dead request.
    """

    record: Record
    kind: str
    offset: float | None
    gap: float
    is_after: bool
    is_buffered: bool
    is_related: bool
    fields: Fields
    traceback: tuple[RaisedException, ...]
    stack: str


@dataclass(frozen=True, slots=True)
class Story:
    """Everything that is known of one request ID."""

    request_id: str
    requests: tuple[RequestSummary, ...]
    events: tuple[Event, ...]

    @property
    def start(self) -> float | None:
        """When the first request or event was."""
        starts = [one.start for one in self.requests if one.start is not None]
        times = [event.record.time for event in self.events[:1]]
        return min((time for time in (*starts, *times) if time is not None), default=None)

    @property
    def services(self) -> tuple[str, ...]:
        """The services that have logged something, in the order of their first lines."""
        return tuple(dict.fromkeys(event.record.service for event in self.events))

    @property
    def trace_ids(self) -> set[str]:
        """The trace IDs of its records."""
        return {event.record.text("trace_id") for event in self.events} - {""}


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
    ordered = sorted([*own, *others], key=lambda record: record.time or 0.0)
    ends = [record for record in ordered if record.is_access_line or record.is_death]
    ordered += [one for one in worker_end if one.request_id != request_id]
    ordered.sort(key=lambda record: record.time or 0.0)
    requests = tuple(
        sorted(map(_summarize, ends), key=lambda one: one.start or 0.0),
    )
    bare = Story(request_id, requests, ())
    first = next((one.time for one in ordered if one.time is not None), None)
    start = min((time for time in (bare.start, first) if time is not None), default=None)
    return Story(request_id, requests, _make_events(ordered, start, request_id))


def _make_events(ordered: list[Record], start: float | None, request_id: str) -> tuple[Event, ...]:
    last_end = max(
        (i for i, one in enumerate(ordered) if one.is_access_line or one.is_death),
        default=len(ordered),
    )
    events: list[Event] = []
    bound: dict[tuple[str, str], Fields] = {}
    previous = start
    for number, record in enumerate(ordered):
        time = record.time
        known = bound.setdefault((record.service, record.text("pid")), {})
        events.append(
            Event(
                record,
                _get_kind(record),
                None if time is None or start is None else time - start,
                0.0 if time is None or previous is None else max(0.0, time - previous),
                number > last_end,
                record.fields.get("buffered") is True,
                record.request_id != request_id and bool(record.request_id),
                _select_fields(record, known),
                parse_traceback(record.text("exc_info")) if "exc_info" in record.fields else (),
                record.text("stack") or record.text("stack_info"),
            )
        )
        previous = previous if time is None else time
    return tuple(events)


def _identify(record: Record) -> tuple[str, ...]:
    names = ("timestamp", "pid", "request_id", "logger", "message")
    return (record.source, *map(record.text, names))


def _get_kind(record: Record) -> str:
    if record.is_access_line:
        return "access"
    if record.is_death:
        return "death"
    if record.is_slow_report:
        return "slow"
    return "error" if record.severity >= 40 else "log"


def _select_fields(record: Record, known: Fields) -> Fields:
    """Return the fields that this record adds to what is `known` of its worker, and add them."""
    new: Fields = {}
    for name, value in record.fields.items():
        if name not in _SUMMARY_NAMES and (name not in known or known[name] != value):
            new[name] = known[name] = value
    return new


def _summarize(record: Record) -> RequestSummary:
    seconds = record.seconds
    end = record.time
    return RequestSummary(
        service=record.service,
        request_id=record.request_id,
        method=record.text("method"),
        path=record.text("path"),
        route=record.text("route"),
        status=record.status,
        outcome=record.text("outcome"),
        cause=record.text("cause"),
        start=end - (seconds or 0.0) if end is not None else None,
        duration=seconds,
        client=record.text("remote_addr"),
        release=record.release,
        pid=record.text("worker_pid") or record.text("pid"),
        fields=record.fields,
    )


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
