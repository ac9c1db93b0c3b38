"""Search of inputs for errors: each line is read, few are parsed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from wsgi_observe.logreader.blocks import LineBlocks
from wsgi_observe.logreader.groups import ErrorGroup, GroupKey, classify
from wsgi_observe.logreader.inputs import Input
from wsgi_observe.logreader.reading import Coverage, Progress, read_records
from wsgi_observe.logreader.record import LEVELS, Record

MAX_GROUPS = 5000
"""Further ones are counted together."""

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
    :ivar ungrouped: how many errors belong to groups beyond the first `MAX_GROUPS`.
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
        self._groups: dict[GroupKey, ErrorGroup] = {}
        self.releases: dict[str, float] = {}
        self.coverage = Coverage()
        self.lines = self.others = self.warnings = self.ungrouped = 0

    def run(self, inputs: Iterable[Input], progress: Progress) -> None:
        """Read the inputs."""
        for record in read_records(inputs, self._select, self.coverage, progress):
            if isinstance(record, bytes):
                self.others += 1
                continue
            if self._finds_releases:
                self._add_release(record)
            severity = record.severity
            if severity >= LEVELS["WARNING"] and all(passes(record) for passes in self._tests):
                if severity >= self._severity:
                    self.add(record)
                else:
                    self.warnings += severity == LEVELS["WARNING"]

    def add(self, record: Record) -> None:
        """Count an error in its group."""
        key, title, frame = classify(record)
        if key not in self._groups:
            if len(self._groups) >= MAX_GROUPS:
                self.ungrouped += 1
                return
            self._groups[key] = ErrorGroup(key)
        self._groups[key].add(record, title, frame)

    @property
    def groups(self) -> list[ErrorGroup]:
        """The groups, the one that has failed most often first."""
        return sorted(self._groups.values(), key=lambda group: group.failures, reverse=True)

    def _select(self, blocks: LineBlocks, is_inside: bool) -> Iterable[bytes]:
        """Return the lines but those of ours that report nothing, which need not be parsed."""
        lines = blocks.lines()
        self.lines += len(lines)
        if self._finds_releases:
            return lines
        return (line for line in lines if _reports(line) or not line.startswith(_OWN_START))

    def _add_release(self, record: Record) -> None:
        release, time = record.release, record.time
        if not release or time is None:
            return
        if release in self.releases or len(self.releases) < _MAX_RELEASES:
            self.releases[release] = min(time, self.releases.get(release, time))
