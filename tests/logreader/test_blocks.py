"""Blocks of lines: the same lines, however a stream hands its bytes over."""

from __future__ import annotations

import io
import threading
from itertools import cycle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_observe.logreader.blocks import MAX_LINE_BYTES, LineBlocks


class Pipe(io.BytesIO):
    """A stream that hands over some bytes at a time."""

    def __init__(self, data: bytes, sizes: list[int]) -> None:
        super().__init__(data)
        self._sizes = cycle(sizes)

    def readinto1(self, view: memoryview) -> int:  # type: ignore[override]
        return super().readinto(view[: next(self._sizes)])


def lines_of(stream: io.BytesIO, *, ahead: bool = False) -> list[bytes]:
    blocks = LineBlocks(stream, ahead=ahead)
    return [line for _ in blocks for line in blocks.lines()]


def split(data: bytes) -> list[bytes]:
    lines = data.split(b"\n")
    return lines if lines[-1] else lines[:-1]


@given(
    st.lists(st.binary(max_size=30), max_size=20).map(b"\n".join),
    st.lists(st.integers(1, 50), min_size=1, max_size=5),
    st.booleans(),
)
def test_lines_are_those_of_the_stream_in_whatever_pieces_it_comes(
    data: bytes, sizes: list[int], ahead: bool
) -> None:
    assert lines_of(Pipe(data, sizes), ahead=ahead) == split(data)


@pytest.mark.parametrize("ahead", [False, True])
def test_a_line_of_ten_megabytes_is_read_whole(ahead: bool) -> None:
    data = b"first\n" + b"x" * 10_000_000 + b"\nlast"
    assert lines_of(io.BytesIO(data), ahead=ahead) == split(data)


@pytest.mark.parametrize("end", [b"", b"\nlast", b"\nlast\n"])
def test_a_line_that_is_too_long_is_left_out_and_counted(end: bytes) -> None:
    blocks = LineBlocks(io.BytesIO(b"first\n" + b"x" * (MAX_LINE_BYTES + 3_000_000) + end))
    lines = [line for _ in blocks for line in blocks.lines()]
    assert (lines, blocks.skipped) == ([b"first", *split(end[1:])], 1)


def test_an_error_of_the_stream_is_raised_where_its_lines_are_read() -> None:
    class Broken(io.BytesIO):
        def readinto1(self, view: memoryview) -> int:  # type: ignore[override]
            raise OSError("lost")

    with pytest.raises(OSError, match="lost"):
        lines_of(Broken(), ahead=True)


def test_a_stream_is_read_ahead_by_a_thread_that_ends_with_the_reading() -> None:
    before = threading.active_count()
    stream = io.BytesIO(b"line\n" * 1_000_000)
    blocks = LineBlocks(stream, ahead=True)
    iterator = iter(blocks)
    next(iterator)
    iterator.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


@given(st.binary(max_size=80), st.binary(min_size=1, max_size=4), st.integers(0, 90))
def test_a_part_is_found_where_it_is(data: bytes, part: bytes, start: int) -> None:
    blocks = LineBlocks(io.BytesIO(data + b"\n"))
    for _ in blocks:
        offset = blocks.start
        found = blocks.find(part, offset + start)
        expected = (data + b"\n").find(part, start)
        assert (found - offset if found >= 0 else -1) == expected
