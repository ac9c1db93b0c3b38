"""Blocks of whole lines, read from a stream into one buffer that is used again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

BLOCK_BYTES = 1 << 20
MAX_LINE_BYTES = 32 << 20
"""A longer line is left out. A query's result may be a single line of many records."""


class LineBlocks:
    """Iterate over the whole lines of a stream, a block of them at a time.

    :ivar buffer: its first `end` bytes are the lines of the current block, the last one with its
        newline unless it is the last of the stream. It is overwritten by the next block.
    :ivar skipped: how many lines were too long.
    """

    def __init__(self, stream: BinaryIO, block_bytes: int = BLOCK_BYTES) -> None:
        self._stream: Any = stream
        self._is_skipping = False
        self.buffer = bytearray(block_bytes)
        self.skipped = 0

    def __iter__(self) -> Iterator[int]:
        """Yield the `end` of each block."""
        filled = 0
        while True:
            filled = self._make_space(filled)
            with memoryview(self.buffer) as view:
                # At most one read: a pipe has less than a block, and the rest may take long.
                total = filled + int(self._stream.readinto1(view[filled:]))
            if total == filled:
                break
            if self._is_skipping:
                filled, total = 0, self._skip(total)
            end = self.buffer.rfind(b"\n", filled, total) + 1
            if end:
                yield end
                self.buffer[: total - end] = self.buffer[end:total]
            filled = total - end
        if filled:
            yield filled

    def lines(self, end: int) -> list[bytes]:
        """Return the lines of the block, without their newlines."""
        lines = bytes(memoryview(self.buffer)[:end]).split(b"\n")
        if not lines[-1]:
            lines.pop()
        return lines

    def _make_space(self, filled: int) -> int:
        """Make space behind the first `filled` bytes, which are the beginning of a line."""
        if filled < len(self.buffer):
            return filled
        if filled < MAX_LINE_BYTES:
            self.buffer.extend(bytes(min(filled, MAX_LINE_BYTES - filled)))
            return filled
        self.skipped += 1
        self._is_skipping = True
        return 0

    def _skip(self, total: int) -> int:
        """Remove the rest of a line that is too long; return how many bytes are left."""
        end = self.buffer.find(b"\n", 0, total) + 1
        if not end:
            return 0
        self._is_skipping = False
        self.buffer[: total - end] = self.buffer[end:total]
        return total - end
