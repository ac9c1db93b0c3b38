"""Reading of inputs: the records of the lines that a search selects, and what was read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain

from wsgi_observe.logreader.blocks import LineBlocks
from wsgi_observe.logreader.inputs import Input, InputError
from wsgi_observe.logreader.record import Record
from wsgi_observe.logreader.wrappers import LineReader

Progress = Callable[[int], object]
"""Takes how many bytes of lines were read since the last call."""

Select = Callable[[LineBlocks, bool], Iterable[bytes]]
"""Takes a block, and whether its lines continue what has begun; returns the lines to parse."""

_TIMED_BLOCKS = 16  # of so many blocks of a log, the times of one are read, and those of the last
_EDGE_BYTES = 1 << 16  # of a block, in which its first and its last record are searched
# What only a log has whose lines belong together: in its first line.
_document_starts = (b"{\n", b"[\n", b"{\r\n", b"[\r\n")


@dataclass
class Coverage:
    """What was read: bytes, the times of the first and last records, what could not be read."""

    bytes: int = 0
    first: float | None = None
    last: float | None = None
    problems: list[str] = field(default_factory=list)

    def add_times(self, blocks: LineBlocks) -> None:
        """Extend the range of times by the first and the last record of the block."""
        buffer, start, end = blocks.buffer, blocks.start, blocks.end
        # The result of a query may be a single line that is longer.
        first_end = buffer.find(b"\n", start, end)
        last_start = buffer.rfind(b"\n", start, max(end - 1, start)) + 1
        stop = end if first_end < 0 else max(first_end, start + _EDGE_BYTES)
        beginning = bytes(buffer[start : min(stop, end)]).split(b"\n")
        ending = bytes(buffer[max(min(last_start, end - _EDGE_BYTES), start) : end]).split(b"\n")
        for lines in (beginning, reversed(ending)):
            for record in LineReader().read(lines):
                if isinstance(record, Record) and (time := record.time) is not None:
                    self.first = time if self.first is None else min(self.first, time)
                    self.last = time if self.last is None else max(self.last, time)
                    break


def read_records(
    inputs: Iterable[Input], select: Select, coverage: Coverage, progress: Progress
) -> Iterator[Record | bytes]:
    """Yield the records in the lines that are selected, and lines of others as they are."""
    return chain.from_iterable(read_batches(inputs, select, coverage, progress))


def read_batches(
    inputs: Iterable[Input],
    select: Select,
    coverage: Coverage,
    progress: Progress,
    *,
    ahead: bool = True,
) -> Iterator[Iterable[Record | bytes]]:
    """Yield the same for each block: what has come together.

    :param ahead: whether files are read ahead, which pays where few lines are parsed.
    """
    for one in inputs:
        try:
            with one.open(ahead=ahead) as blocks:
                reader = LineReader(one.label)
                for number, size in enumerate(blocks):
                    progress(size)
                    coverage.bytes += size
                    if number % _TIMED_BLOCKS == 0:
                        coverage.add_times(blocks)
                    yield reader.read(select(blocks, reader.is_inside))
                coverage.add_times(blocks)
                yield reader.finish()
                if blocks.skipped:
                    problem = f"{one.name}: lines too long to be read: {blocks.skipped}"
                    coverage.problems.append(problem)
        except InputError as error:
            coverage.problems.append(str(error))


def select_lines(blocks: LineBlocks, is_inside: bool, needles: Iterable[bytes]) -> Iterable[bytes]:
    """Return the lines that have one of `needles` in them, or all that have to be joined first."""
    if is_inside or _has_joined_lines(blocks):
        return blocks.lines()
    return _find_lines(blocks, needles)


def _find_lines(blocks: LineBlocks, needles: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines that have one of `needles` in them, each once."""
    buffer, end = blocks.buffer, blocks.end
    found = set()
    for needle in needles:
        position = blocks.find(needle)
        while position >= 0:
            start = buffer.rfind(b"\n", blocks.start, position) + 1 or blocks.start
            stop = buffer.find(b"\n", position, end)
            stop = end if stop < 0 else stop
            found.add((start, stop))
            position = blocks.find(needle, stop)
    for start, stop in sorted(found):
        yield bytes(memoryview(buffer)[start:stop])


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
