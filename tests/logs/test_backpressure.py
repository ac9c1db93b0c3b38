"""A full pipe: which lines are kept, in which order they leave, and how many were lost."""

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import suppress

import pytest

from wsgi_observe.logs import LineHandler

INFO, WARNING = logging.INFO, logging.WARNING
PAGES = 16  # of a pipe


def long(name: bytes = b"") -> bytes:
    """Return a line of which two do not fit into a page."""
    return name.ljust(3000, b"x") + b"\n"


LONG = long()


class Pipe:
    """A pipe that nobody reads yet, and the handler that writes to it."""

    def __init__(self, wait: float = 0.0) -> None:
        self.end, start = os.pipe()
        os.set_blocking(self.end, False)
        self.stream = os.fdopen(start, "w")
        self.handler = LineHandler(self.stream, wait=wait)

    def write(self, line: bytes, level: int = INFO) -> None:
        self.handler.write([line], level)

    def fill(self) -> None:
        for _ in range(PAGES):
            self.write(LONG)

    def read(self) -> list[bytes]:
        """Return the lines in it, without those that have filled it."""
        data = b""
        with suppress(BlockingIOError):
            while chunk := os.read(self.end, 1 << 20):
                data += chunk
        return [line for line in data.splitlines(keepends=True) if line != LONG]

    def close(self) -> None:
        self.read()
        self.handler.close()
        self.stream.close()
        os.close(self.end)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.close()


def lost(count: int) -> bytes:
    return f"{count} log lines were dropped".encode()


def starts(lines: list[bytes], *expected: bytes) -> bool:
    return len(lines) == len(expected) and all(map(bytes.startswith, lines, expected))


def test_what_matters_leaves_first_in_its_order_then_the_count_then_the_next_line(
    pipe: Pipe,
) -> None:
    pipe.fill()
    pipe.write(long(b"first"), WARNING)
    pipe.write(long(b"lost"))
    pipe.write(long(b"second"), WARNING)
    pipe.write(long(b"third"), WARNING)
    pipe.read()
    pipe.write(b"next\n")
    lines = pipe.read()
    assert starts(lines, b"first", b"second", b"third", lost(1), b"next"), lines


def test_a_short_line_does_not_slip_into_the_last_page_past_a_long_one(pipe: Pipe) -> None:
    pipe.fill()
    pipe.write(LONG)
    pipe.write(b"short\n")
    assert pipe.read() == []
    pipe.write(b"next\n")
    lines = pipe.read()
    assert starts(lines, lost(2), b"next"), lines


def test_lines_of_a_wait_in_vain_leave_in_their_order_without_those_that_do_not_matter() -> None:
    pipe = Pipe(wait=0.3)

    def log_meanwhile(number: int, frame: object) -> None:
        for name in (b"first", b"second", b"third"):
            pipe.write(long(name), WARNING)
            pipe.write(long(b"lost"))

    before = signal.signal(signal.SIGALRM, log_meanwhile)
    try:
        pipe.fill()
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        pipe.write(long(b"waits"))
        pipe.read()
        pipe.write(b"next\n")
        lines = pipe.read()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        pipe.close()
    assert starts(lines, b"first", b"second", b"third", lost(4), b"next"), lines


def test_of_more_than_there_is_memory_for_the_last_are_kept(pipe: Pipe) -> None:
    pipe.fill()
    for number in range(40):
        pipe.write(b"%02d" % number + b"x" * 100_000 + b"\n", WARNING)
    data = b""
    for _ in range(200):
        with suppress(BlockingIOError):
            data += os.read(pipe.end, 1 << 20)
        pipe.handler.flush()
    *kept, count = [line for line in data.splitlines(keepends=True) if line != LONG]
    assert [int(line[:2]) for line in kept] == list(range(40 - len(kept), 40))
    assert 8 <= len(kept) <= 10
    assert count.startswith(lost(40 - len(kept)))
