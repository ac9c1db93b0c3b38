"""Blocks of whole lines of a stream, read ahead by a thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, BinaryIO

MAX_LINE_BYTES = 32 << 20
"""A longer line is left out. A query's result may be a single line of many records."""

_BLOCK_BYTES = 1 << 20
_RESERVED_BYTES = 1 << 16  # before each block, for the beginning of its first line

_NONBLOCKING_POLL_SECONDS = 0.05

_Filled = tuple[bytearray, int]


def _make_find() -> Callable[[bytearray, bytes, int, int], int]:
    """Return ``bytearray.find``, by the C library's ``memmem`` where it has one.

    That takes less than half of the time, and lets the thread that reads ahead run meanwhile.
    """
    try:
        import ctypes

        memmem = ctypes.CDLL(None).memmem
    except (ImportError, OSError, AttributeError):
        return bytearray.find
    memmem.restype = ctypes.c_void_p
    memmem.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]

    def find(buffer: bytearray, part: bytes, start: int, end: int) -> int:
        if start >= end:
            return -1
        begin = ctypes.addressof(ctypes.c_char.from_buffer(buffer, start))
        address = memmem(begin, end - start, part, len(part))
        return -1 if address is None else int(address) - begin + start

    return find


_find = _make_find()


class LineBlocks:
    """Iterate over the whole lines of a stream, a block of them at a time.

    :ivar buffer: has the lines of the current block from `start` to `end`, the last one with its
        newline unless it is the last of the stream. It is overwritten by a later block.
    :ivar skipped: how many lines were too long.
    :ivar ahead: whether a thread reads the next block meanwhile; for files alone, since a thread
        that waits for a pipe cannot be stopped.
    """

    def __init__(self, stream: BinaryIO, *, ahead: bool = False) -> None:
        # One read at a time: a pipe has less than a block, and the rest may take long.
        self._readinto: Any = getattr(stream, "readinto1", stream.readinto)  # type: ignore[attr-defined]
        self.ahead = ahead
        self._is_skipping = False
        self.buffer = bytearray()
        self.start = self.end = 0
        self.skipped = 0

    def __iter__(self) -> Iterator[int]:
        """Yield the size of each block."""
        rest = bytearray()
        for buffer, count in self._read_ahead() if self.ahead else self._read():
            stop = _RESERVED_BYTES + count
            end = buffer.rfind(b"\n", _RESERVED_BYTES, stop) + 1
            if not end:
                rest += memoryview(buffer)[_RESERVED_BYTES:stop]
                self._limit(rest)
                continue
            self._set_block(rest, buffer, end)
            rest = buffer[end:stop]
            if self.end > self.start:
                yield self.end - self.start
        if rest:
            self.buffer, self.start, self.end = rest, 0, len(rest)
            yield len(rest)

    def lines(self) -> list[bytes]:
        """Return the lines of the block, without their newlines."""
        lines = bytes(memoryview(self.buffer)[self.start : self.end]).split(b"\n")
        if not lines[-1]:
            lines.pop()
        return lines

    def find(self, part: bytes, start: int = 0) -> int:
        """Return where `part` is in the block, from `start` on, or a negative number."""
        return _find(self.buffer, part, max(start, self.start), self.end)

    def count(self, part: bytes) -> int:
        """Return how often `part` is in the block."""
        return self.buffer.count(part, self.start, self.end)

    def _set_block(self, rest: bytearray, buffer: bytearray, end: int) -> None:
        """Set the block that begins with `rest`, the beginning of its first line."""
        self.buffer, self.start, self.end = buffer, _RESERVED_BYTES - len(rest), end
        if self._is_skipping:
            self.start = buffer.find(b"\n", _RESERVED_BYTES) + 1
            self._is_skipping = False
        elif self.start >= 0:
            buffer[self.start : _RESERVED_BYTES] = rest
        else:
            self.buffer = rest + memoryview(buffer)[_RESERVED_BYTES:end]
            self.start, self.end = 0, len(self.buffer)

    def _limit(self, rest: bytearray) -> None:
        """Leave out a line that is too long."""
        if self._is_skipping:
            rest.clear()
        elif len(rest) > MAX_LINE_BYTES:
            rest.clear()
            self._is_skipping = True
            self.skipped += 1

    def _read(self) -> Iterator[_Filled]:
        buffer = bytearray(_RESERVED_BYTES + _BLOCK_BYTES)
        while count := self._read_block(buffer):
            yield buffer, count

    def _read_block(self, buffer: bytearray) -> int:
        with memoryview(buffer) as view:
            while (count := self._readinto(view[_RESERVED_BYTES:])) is None:
                time.sleep(_NONBLOCKING_POLL_SECONDS)  # a pipe that its other end has set so
            return int(count)

    def _read_ahead(self) -> Iterator[_Filled]:
        """Read the next block while the current one is used."""
        buffer, other = (bytearray(_RESERVED_BYTES + _BLOCK_BYTES) for _ in range(2))
        with ThreadPoolExecutor(1) as thread:
            following = thread.submit(self._read_block, buffer)
            while count := following.result():
                following = thread.submit(self._read_block, other)
                yield buffer, count
                buffer, other = other, buffer
