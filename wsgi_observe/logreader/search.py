"""Search of inputs for the records of one request: the bytes first, JSON only of what they hit."""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from heapq import nlargest
from itertools import islice

from wsgi_observe.logreader.blocks import LineBlocks
from wsgi_observe.logreader.inputs import Input
from wsgi_observe.logreader.reading import Coverage, Progress, read_records, select_lines
from wsgi_observe.logreader.record import Record

MAX_RECORDS = 100_000
"""Of one request ID; further ones are counted."""

_MAX_IDS = 1000  # that begin as the one that is searched; of few of them the records are kept
_MAX_IDS_WITH_RECORDS = 20
_MAX_MENTIONS = 100
_NEAREST = 5
_MIN_SUFFIX = 6
_MAX_DEATHS = 20
_SECONDS_OF_DEATHS = 2.0  # in which the end of a worker is reported
_OTHER_ID_FIELDS = ("client_request_id", "app_request_id")

_ids = re.compile(rb'request_id\\*"\s*:\s*\\*"([A-Za-z0-9._:/+=@~-]{1,128})\\*"')
# The values of all fields that may have it: the names of a request ID end so in every format.
_id_values = re.compile(rb'd\\*"\s*:\s*\\*"([A-Za-z0-9._:/+=@~-]{1,128})\\*"')


class NearestIds:
    """The request IDs that have most in common with one that is searched, at both ends."""

    def __init__(self, wanted: str) -> None:
        self._wanted = _to_bytes(wanted)
        self._best: dict[bytes, int] = {}

    def add(self, blocks: LineBlocks) -> None:
        """Compare the IDs of a block."""
        ids = set(_ids.findall(blocks.buffer, blocks.start, blocks.end))
        self._best |= {each: _count_common(each, self._wanted) for each in ids}
        self._best = dict(nlargest(_NEAREST, self._best.items(), key=lambda item: item[1]))

    @property
    def ids(self) -> list[str]:
        """Those that are near, the nearest first."""
        least = min(4, len(self._wanted))
        return [each.decode() for each, common in self._best.items() if common >= least]


@dataclass
class Found:
    """The records whose request ID is the one that was searched, begins or ends with it.

    :ivar mentions: lines that have the ID in them, and are none of its request.
    :ivar nearest: the nearest IDs in inputs that cannot be read again.
    """

    nearest: NearestIds
    records: dict[str, list[Record]] = field(default_factory=dict)
    ignored: int = 0
    mentions: list[Record] = field(default_factory=list)
    mention_count: int = 0
    trace_ids: set[str] = field(default_factory=set)
    coverage: Coverage = field(default_factory=Coverage)

    def resolve(self, wanted: str) -> list[str]:
        """Return the request IDs that `wanted` may mean, the exact one alone."""
        if wanted in self.records:
            return [wanted]
        beginning = [one for one in self.records if one.startswith(wanted)]
        return sorted(beginning or self.records)


def find_request(inputs: Iterable[Input], wanted: str, progress: Progress) -> Found:
    """Return the records of the request whose ID is, begins or (as on a console) ends so."""
    found = Found(nearest=NearestIds(wanted))
    needle = _to_bytes(wanted)

    def select(blocks: LineBlocks, is_inside: bool) -> Iterable[bytes]:
        if not blocks.ahead:  # a pipe, which cannot be read again
            found.nearest.add(blocks)
        return select_lines(blocks, is_inside, [needle])

    for record in read_records(inputs, select, found.coverage, progress):
        if isinstance(record, bytes):
            if needle in record:
                _add_mention(found, Record({"message": record.decode("utf-8", "replace")}))
        elif not _add_record(found, record, wanted):
            if record.fields.get("trace_id") == wanted:
                found.trace_ids.add(record.request_id)
            elif not record.is_part:
                _add_mention(found, record)
    return found


def _find_records(
    inputs: Iterable[Input], needles: Iterable[bytes], progress: Progress
) -> Iterator[Record]:
    """Yield the records of lines that have one of `needles` in them.

    The search before has reported what cannot be read.
    """
    select = partial(select_lines, needles=list(needles))
    for record in read_records(inputs, select, Coverage(), progress):
        if isinstance(record, Record):
            yield record


def find_trace(inputs: Iterable[Input], trace_ids: set[str], progress: Progress) -> list[Record]:
    """Return the records of some traces."""
    records = _find_records(inputs, map(_to_bytes, trace_ids), progress)
    found = (record for record in records if record.text("trace_id") in trace_ids)
    return list(islice(found, MAX_RECORDS))


def find_worker_end(inputs: Iterable[Input], death: Record, progress: Progress) -> list[Record]:
    """Return what else was logged of the end of the worker with which a request has died.

    That is the server's own line, and the other requests that died, the oldest ones first: one of
    them may be the reason.
    """
    pid = death.text("worker_pid")
    if not (pid.isascii() and pid.isdecimal()):
        return []
    mark = f"pid:{pid})"  # as Gunicorn has it
    found = [
        record
        for record in _find_records(inputs, [mark.encode(), b"worker_pid"], progress)
        if _is_beside(record, death)
        and (
            mark in record.text("message") or (record.is_death and record.text("worker_pid") == pid)
        )
    ]
    oldest = sorted(found, key=lambda record: record.number("age") or math.inf, reverse=True)
    return oldest[:_MAX_DEATHS]


def _is_beside(record: Record, other: Record) -> bool:
    """Return whether two records are of one process tree and time."""
    time, other_time = record.time, other.time
    return (
        (record.source, record.text("service")) == (other.source, other.text("service"))
        and None not in (time, other_time)
        and abs((time or 0.0) - (other_time or 0.0)) <= _SECONDS_OF_DEATHS
    )


@dataclass
class RequestRecords:
    """The records of a request in the order in which they were read.

    :ivar ignored: how many were left out: of very many, those in the middle.
    """

    records: list[Record] = field(default_factory=list)
    ignored: int = 0

    def add(self, record: Record, limit: int) -> None:
        """Add the next record."""
        self.records.append(record)
        if len(self.records) > limit:
            del self.records[limit // 2]
            self.ignored += 1


def find_requests(
    inputs: Iterable[Input], request_ids: Iterable[str], progress: Progress, limit: int
) -> dict[str, RequestRecords]:
    """Return the records of several requests, which are read at once.

    :param limit: how many records of each request are kept.
    """
    found = {each: RequestRecords() for each in request_ids}
    wanted = set(map(_to_bytes, found))

    def select(blocks: LineBlocks, is_inside: bool) -> Iterable[bytes]:
        values = _id_values.findall(blocks.buffer, blocks.start, blocks.end)
        return select_lines(blocks, is_inside, wanted.intersection(values))

    for record in read_records(inputs, select, Coverage(), progress):
        if isinstance(record, Record) and record.request_id in found:
            found[record.request_id].add(record, limit)
    return found


def find_nearest_ids(inputs: Iterable[Input], wanted: str, progress: Progress) -> list[str]:
    """Return the request IDs in files that are nearest to `wanted`."""
    nearest = NearestIds(wanted)

    def select(blocks: LineBlocks, is_inside: bool) -> Iterable[bytes]:
        nearest.add(blocks)
        return ()

    deque(read_records(inputs, select, Coverage(), progress), maxlen=0)
    return nearest.ids


def _to_bytes(text: str) -> bytes:
    """Return a text as a log has it; one with a surrogate is in none."""
    return text.encode("utf-8", "replace")


def _count_common(one: bytes, other: bytes) -> int:
    """Return how many bytes two IDs have in common at their ends."""
    first = _count_equal(one, other)
    return first + _count_equal(one[first:][::-1], other[first:][::-1])


def _count_equal(one: bytes, other: bytes) -> int:
    """Return how many bytes are the same at the beginning."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((number for number, (a, b) in pairs if a != b), min(len(one), len(other)))


def _add_record(found: Found, record: Record, wanted: str) -> bool:
    request_id = record.request_id
    if any(record.fields.get(name) == wanted for name in _OTHER_ID_FIELDS):
        request_id = wanted
    is_match = request_id.startswith(wanted) or (
        len(wanted) >= _MIN_SUFFIX and request_id.endswith(wanted)
    )
    if not is_match:
        return False
    records = found.records.get(request_id)
    if records is None:
        if len(found.records) >= _MAX_IDS and request_id != wanted:
            found.ignored += 1
            return True
        records = found.records[request_id] = []
    keeps = request_id == wanted or len(found.records) <= _MAX_IDS_WITH_RECORDS
    if keeps and len(records) < MAX_RECORDS:
        records.append(record)
    else:
        found.ignored += 1
    return True


def _add_mention(found: Found, record: Record) -> None:
    found.mention_count += 1
    if len(found.mentions) < _MAX_MENTIONS:
        found.mentions.append(record)
