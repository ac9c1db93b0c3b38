"""Search of inputs for the records of one request: the bytes first, JSON only of what they hit."""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from heapq import nlargest
from itertools import islice
from typing import NamedTuple

from wsgi_observe.logreader.blocks import LineBlocks
from wsgi_observe.logreader.inputs import Input, InputError, explain_read_errors
from wsgi_observe.logreader.record import Record
from wsgi_observe.logreader.wrappers import LineReader

Progress = Callable[[int], object]
"""Takes how many bytes of lines were read since the last call."""

MAX_RECORDS = 100_000
"""Of one request ID; further ones are counted."""

TIMED_BLOCKS = 16
"""Of so many blocks of a log, the times of one are read, and those of the last."""

_MAX_IDS = 1000  # that begin as the one that is searched; of few of them the records are kept
_MAX_IDS_WITH_RECORDS = 20
_MAX_MENTIONS = 100
_NEAREST = 5
_MIN_SUFFIX = 6
_MAX_DEATHS = 20
_SECONDS_OF_DEATHS = 2.0  # in which the end of a worker is reported
_MAX_LINES_WITHOUT_RECORD = 100  # at the beginning and end of a block, before it is left at that
_OTHER_ID_FIELDS = ("client_request_id", "app_request_id")

_ids = re.compile(rb'request_id\\*"\s*:\s*\\*"([A-Za-z0-9._:/+=@~-]{1,128})\\*"')
# The values of all fields that may have it: the names of a request ID end so in every format.
_id_values = re.compile(rb'd\\*"\s*:\s*\\*"([A-Za-z0-9._:/+=@~-]{1,128})\\*"')
# What only a log has whose lines belong together: in its first line.
_document_starts = (b"{\n", b"[\n", b"{\r\n", b"[\r\n")


class Mention(NamedTuple):
    """A line that has the ID in it, and is none of its request."""

    source: str
    text: str


@dataclass
class Coverage:
    """What was read: bytes, the times of the first and last records, what could not be read."""

    bytes: int = 0
    first: float | None = None
    last: float | None = None
    problems: list[str] = field(default_factory=list)

    def add_time(self, time: float | None) -> None:
        """Extend the range of times."""
        if time is not None:
            self.first = time if self.first is None else min(self.first, time)
            self.last = time if self.last is None else max(self.last, time)


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

    :ivar nearest: the nearest IDs in inputs that cannot be read again.
    """

    nearest: NearestIds
    records: dict[str, list[Record]] = field(default_factory=dict)
    ignored: int = 0
    mentions: list[Mention] = field(default_factory=list)
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
    for record in _scan(inputs, needle, found.coverage, progress, found.nearest):
        if isinstance(record, bytes):
            _add_mention(found, Mention("", record.decode("utf-8", "replace")))
        elif not _add_record(found, record, wanted):
            if record.fields.get("trace_id") == wanted:
                found.trace_ids.add(record.request_id)
            elif not record.is_part:
                _add_mention(found, Mention(record.service, record.text("message")))
    return found


def find_trace(inputs: Iterable[Input], trace_ids: set[str], progress: Progress) -> list[Record]:
    """Return the records of some traces."""
    found: list[Record] = []
    for trace_id in trace_ids:
        for record in _scan(inputs, _to_bytes(trace_id), Coverage(), progress):
            if (
                isinstance(record, Record)
                and record.fields.get("trace_id") == trace_id
                and len(found) < MAX_RECORDS
            ):
                found.append(record)
    return found


def find_worker_end(inputs: Iterable[Input], death: Record, progress: Progress) -> list[Record]:
    """Return what else was logged of the end of the worker with which a request has died.

    That is the server's own line, and the other requests that died, the oldest ones first: one of
    them may be the reason.
    """
    pid = death.text("worker_pid")
    if not (pid.isascii() and pid.isdecimal()):
        return []
    needle = f"pid:{pid})".encode()  # as Gunicorn has it
    found = []
    for record in (
        record
        for each in (needle, b"worker_pid")
        for record in _scan(inputs, each, Coverage(), progress)
    ):
        if not isinstance(record, Record) or not _is_beside(record, death):
            continue
        is_death = record.is_death and record.text("worker_pid") == pid
        if is_death or needle in _to_bytes(record.text("message")):
            found.append(record)
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


class RequestRecords:
    """The records of a request, of very many the first and the last ones.

    :ivar ignored: how many were left out.
    """

    def __init__(self, limit: int) -> None:
        self._first: list[Record] = []
        self._last = deque[Record](maxlen=limit // 2)
        self.ignored = 0

    def add(self, record: Record) -> None:
        """Add the next record."""
        assert self._last.maxlen is not None
        if len(self._first) < self._last.maxlen:
            self._first.append(record)
            return
        self.ignored += len(self._last) == self._last.maxlen
        self._last.append(record)

    @property
    def records(self) -> list[Record]:
        """What was kept, in the order in which it was read."""
        return [*self._first, *self._last]


def find_requests(
    inputs: Iterable[Input], request_ids: Iterable[str], progress: Progress, limit: int
) -> dict[str, RequestRecords]:
    """Return the records of several requests, which are read at once.

    :param limit: how many records of each request are kept.
    """
    found = {each: RequestRecords(limit) for each in request_ids}
    for one in inputs:
        # The search before has reported what cannot be read.
        with suppress(InputError), one.open() as stream, explain_read_errors(one.name):
            for record in _scan_for_requests(LineBlocks(stream, ahead=True), one, found, progress):
                found[record.request_id].add(record)
    return found


def _scan_for_requests(
    blocks: LineBlocks, one: Input, wanted: Container[str], progress: Progress
) -> Iterator[Record]:
    reader = LineReader(one.label)
    for size in blocks:
        progress(size)
        if reader.is_inside or _has_joined_lines(blocks):
            yield from _select_requests(reader.read(blocks.lines()), wanted)
            continue
        for value in set(_id_values.findall(blocks.buffer, blocks.start, blocks.end)):
            request_id = value.decode()
            if request_id in wanted:
                # A line that has the IDs of two requests is read for each of them.
                yield from _select_requests(reader.read(_find_lines(blocks, value)), {request_id})
    yield from _select_requests(reader.finish(), wanted)


def _select_requests(
    records: Iterable[Record | bytes], request_ids: Container[str]
) -> Iterator[Record]:
    for record in records:
        if isinstance(record, Record) and record.request_id in request_ids:
            yield record


def find_nearest_ids(inputs: Iterable[Input], wanted: str, progress: Progress) -> list[str]:
    """Return the request IDs in files that are nearest to `wanted`."""
    nearest = NearestIds(wanted)
    for one in inputs:
        try:
            with one.open() as stream, explain_read_errors(one.name):
                blocks = LineBlocks(stream, ahead=True)
                for size in blocks:
                    progress(size)
                    nearest.add(blocks)
        except InputError:
            continue  # the search before has reported it
    return nearest.ids


def _to_bytes(text: str) -> bytes:
    """Return a text as a log has it; one with a surrogate is in none."""
    return text.encode("utf-8", "replace")


def _count_common(one: bytes, other: bytes) -> int:
    """Return how many bytes two IDs have in common at their ends."""
    shorter = min(len(one), len(other))
    first = next((i for i in range(shorter) if one[i] != other[i]), shorter)
    last = next((i for i in range(shorter - first) if one[-1 - i] != other[-1 - i]), None)
    return first + (shorter - first if last is None else last)


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


def _add_mention(found: Found, mention: Mention) -> None:
    found.mention_count += 1
    if len(found.mentions) < _MAX_MENTIONS:
        found.mentions.append(mention)


def _scan(
    inputs: Iterable[Input],
    needle: bytes,
    coverage: Coverage,
    progress: Progress,
    nearest: NearestIds | None = None,
) -> Iterator[Record | bytes]:
    """Yield the records and other lines of the lines that have `needle` in them."""
    for one in inputs:
        try:
            with one.open() as stream, explain_read_errors(one.name):
                blocks = LineBlocks(stream, ahead=one.is_regular_file)
                seen = None if one.is_regular_file else nearest
                yield from _scan_stream(blocks, one, needle, coverage, progress, seen)
        except InputError as error:
            coverage.problems.append(str(error))


def _scan_stream(
    blocks: LineBlocks,
    one: Input,
    needle: bytes,
    coverage: Coverage,
    progress: Progress,
    nearest: NearestIds | None,
) -> Iterator[Record | bytes]:
    reader = LineReader(one.label)
    for number, size in enumerate(blocks):
        progress(size)
        if nearest is not None:
            nearest.add(blocks)
        coverage.bytes += size
        if number % TIMED_BLOCKS == 0:
            add_times(coverage, blocks)
        if reader.is_inside or _has_joined_lines(blocks):
            # Which of the records it is in is not known before they are joined.
            for record in reader.read(blocks.lines()):
                if isinstance(record, Record) or needle in record:
                    yield record
        else:
            yield from reader.read(_find_lines(blocks, needle))
    add_times(coverage, blocks)  # of the last block
    yield from reader.finish()
    if blocks.skipped:
        coverage.problems.append(f"{one.name}: lines too long to be read: {blocks.skipped}")


def _find_lines(blocks: LineBlocks, needle: bytes) -> Iterator[bytes]:
    buffer, end = blocks.buffer, blocks.end
    position = blocks.find(needle)
    while position >= 0:
        start = buffer.rfind(b"\n", blocks.start, position) + 1 or blocks.start
        stop = buffer.find(b"\n", position, end)
        stop = end if stop < 0 else stop
        yield bytes(memoryview(buffer)[start:stop])
        position = blocks.find(needle, stop)


def _has_joined_lines(blocks: LineBlocks) -> bool:
    """Return whether lines of the block have to be joined with others."""
    buffer, start = blocks.buffer, blocks.start
    if buffer.startswith(_document_starts, start):
        return True
    if buffer.startswith(b'{"log":"', start):  # Docker's json-file, where a part has no newline
        return blocks.count(b'\\n","') < blocks.count(b"\n")
    if not buffer[start : start + 4].isdigit():  # CRI has the time first
        return False
    return any(blocks.find(tag) >= 0 for tag in (b" stdout P ", b" stderr P "))


def add_times(coverage: Coverage, blocks: LineBlocks) -> None:
    """Extend the range of times by the first and the last record of the block."""
    for lines in (_iter_lines(blocks), _iter_lines_backwards(blocks)):
        for record in LineReader().read(islice(lines, _MAX_LINES_WITHOUT_RECORD)):
            if isinstance(record, Record) and record.time is not None:
                coverage.add_time(record.time)
                break


def _iter_lines(blocks: LineBlocks) -> Iterator[bytes]:
    position = blocks.start
    while position < blocks.end:
        end = blocks.buffer.find(b"\n", position, blocks.end)
        end = blocks.end if end < 0 else end
        yield bytes(blocks.buffer[position:end])
        position = end + 1


def _iter_lines_backwards(blocks: LineBlocks) -> Iterator[bytes]:
    end = blocks.end
    if blocks.buffer.endswith(b"\n", blocks.start, end):
        end -= 1
    while end > blocks.start:
        start = blocks.buffer.rfind(b"\n", blocks.start, end) + 1 or blocks.start
        yield bytes(blocks.buffer[start:end])
        end = start - 1
