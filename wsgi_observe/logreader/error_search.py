"""Search of inputs for errors: each line is read, few are parsed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from wsgi_observe.logreader.blocks import LineBlocks
from wsgi_observe.logreader.groups import ErrorGroups
from wsgi_observe.logreader.inputs import Input, InputError, explain_read_errors
from wsgi_observe.logreader.record import LEVELS, Record
from wsgi_observe.logreader.search import TIMED_BLOCKS, Coverage, Progress, add_times
from wsgi_observe.logreader.wrappers import LineReader

_MAX_RELEASES = 1000
# How our own lines begin, which have the names of their levels as they are.
_OWN_START = b'{"timestamp":"'
_reports = re.compile(rb"ERROR|WARNING|CRITICAL").search


class ErrorSearch:
    """The errors of inputs in groups, and what was read.

    :param tests: what an error has to pass.
    :param severity: from which level on a record is one, as `logging` numbers it.
    :param finds_releases: whether the time of each release's first line is searched too.
    :ivar releases: these times.
    :ivar warnings: how many records of the level WARNING pass the tests, and are not in a group.
    :ivar others: how many lines are not records.
    """

    def __init__(
        self,
        tests: Iterable[Callable[[Record], bool]] = (),
        *,
        severity: int = LEVELS["ERROR"],
        finds_releases: bool = False,
    ) -> None:
        self._tests = list(tests)
        self._severity = severity
        self._finds_releases = finds_releases
        self.groups = ErrorGroups()
        self.releases: dict[str, float] = {}
        self.coverage = Coverage()
        self.lines = self.others = self.warnings = 0

    def run(self, inputs: Iterable[Input], progress: Progress) -> None:
        """Read the inputs."""
        for one in inputs:
            try:
                with one.open() as stream, explain_read_errors(one.name):
                    self._read(LineBlocks(stream, ahead=one.is_regular_file), one, progress)
            except InputError as error:
                self.coverage.problems.append(str(error))

    def _read(self, blocks: LineBlocks, one: Input, progress: Progress) -> None:
        reader = LineReader(one.label)
        for number, size in enumerate(blocks):
            progress(size)
            self.coverage.bytes += size
            if number % TIMED_BLOCKS == 0:
                add_times(self.coverage, blocks)
            lines = blocks.lines()
            self.lines += len(lines)
            self._add(reader.read(lines if self._finds_releases else _select(lines)))
        add_times(self.coverage, blocks)  # of the last block
        self._add(reader.finish())
        if blocks.skipped:
            problem = f"{one.name}: lines too long to be read: {blocks.skipped}"
            self.coverage.problems.append(problem)

    def _add(self, records: Iterable[Record | bytes]) -> None:
        for record in records:
            if isinstance(record, bytes):
                self.others += 1
                continue
            if self._finds_releases:
                self._add_release(record)
            severity = record.severity
            if severity >= LEVELS["WARNING"] and all(passes(record) for passes in self._tests):
                if severity >= self._severity:
                    self.groups.add(record)
                else:
                    self.warnings += severity == LEVELS["WARNING"]

    def _add_release(self, record: Record) -> None:
        release, time = record.release, record.time
        if not release or time is None:
            return
        first = self.releases.get(release)
        if first is None:
            if len(self.releases) < _MAX_RELEASES:
                self.releases[release] = time
        elif time < first:
            self.releases[release] = time


def _select(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines but those of ours that report nothing, which need not be parsed."""
    for line in lines:
        if _reports(line) or not line.startswith(_OWN_START):
            yield line
