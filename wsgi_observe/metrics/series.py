"""The table of time series in shared memory: how many there are, and exemplars of their buckets."""

from __future__ import annotations

from hashlib import blake2b
from struct import Struct
from typing import NamedTuple
from zlib import adler32

from wsgi_observe._shared_memory import Memory, NumberField

MAX_SERIES = 1000
"""How many label sets the histograms of a server have at most, those of all workers together."""

MAX_BUCKETS = 16

_HEADER_SIZE = 64
_MAX_TEXT_BYTES = 110  # OpenMetrics: 128 characters with the names request_id and trace_id

_POSITIONS = 2048  # few of them full, so that a free one is near
_HASH = Struct("=Q")
# Hash of the label set, value, time, lengths of request ID and trace ID, both; then its checksum.
_EXEMPLAR = Struct(f"=QddBB{_MAX_TEXT_BYTES}s")
_CHECKSUM = Struct("=I")
_CELL_SIZE = _EXEMPLAR.size + _CHECKSUM.size


class Exemplar(NamedTuple):
    """One request of those that a bucket has counted."""

    labels: dict[str, str]
    value: float
    at: float
    """In seconds since the epoch."""


class Series(NamedTuple):
    """A label set that is in the table."""

    position: int
    hash: int


class SeriesTable:
    """The label sets that all processes of a server use, as a hash table without a lock.

    Two processes that add one at the same moment may get the same position: then one of the two
    is counted again later, and an exemplar, which has the hash of its label set, is ignored.

    :param offset: where in `memory` the table begins.
    """

    SIZE = _HEADER_SIZE + _POSITIONS * (_HASH.size + MAX_BUCKETS * _CELL_SIZE)

    _count = NumberField[int](0, "I")
    _has_warned = NumberField[bool](4, "?")

    def __init__(self, memory: Memory, offset: int = 0) -> None:
        self.memory, self.offset = memory, offset
        self._hashes = offset + _HEADER_SIZE
        self._cells = self._hashes + _POSITIONS * _HASH.size

    def find_or_add(self, labels: tuple[str, ...]) -> Series | None:
        """Return the position of a label set; None where there is no room for a new one."""
        digest = _hash(labels)
        position = self._find_position(digest)
        if position is None:
            return None
        if not self._get_hash(position):
            if self._count >= MAX_SERIES:
                return None
            start = self._hashes + position * _HASH.size
            self.memory[start : start + _HASH.size] = _HASH.pack(digest)
            self._count += 1
        return Series(position, digest)

    def find(self, labels: tuple[str, ...]) -> Series | None:
        """Return the position of a label set that is in the table."""
        digest = _hash(labels)
        position = self._find_position(digest)
        if position is None or not self._get_hash(position):
            return None
        return Series(position, digest)

    def is_first_warning(self) -> bool:
        """Return whether no process has warned of a full table yet."""
        if self._has_warned:
            return False
        self._has_warned = True
        return True

    def write_exemplar(
        self, series: Series, bucket: int, value: float, at: float, ids: tuple[str, str]
    ) -> None:
        """Replace the exemplar of a bucket; without an ID that OpenMetrics has no room for.

        :param ids: request ID and trace ID, empty for none.
        """
        request_id, trace_id = ids
        if len(request_id) + len(trace_id) > _MAX_TEXT_BYTES:
            request_id = ""
        text = (request_id + trace_id).encode("ascii", "replace")[:_MAX_TEXT_BYTES]
        body = _EXEMPLAR.pack(series.hash, value, at, len(request_id), len(trace_id), text)
        start = self._get_cell(series.position, bucket)
        self.memory[start : start + _CELL_SIZE] = body + _CHECKSUM.pack(adler32(body))

    def read_exemplar(self, series: Series, bucket: int) -> Exemplar | None:
        """Return the exemplar of a bucket; None where none is whole."""
        start = self._get_cell(series.position, bucket)
        cell = bytes(self.memory[start : start + _CELL_SIZE])
        body, (checksum,) = cell[: _EXEMPLAR.size], _CHECKSUM.unpack_from(cell, _EXEMPLAR.size)
        digest, value, at, length, trace_length, text = _EXEMPLAR.unpack(body)
        if digest != series.hash or adler32(body) != checksum:
            return None
        request_id = text[:length].decode()
        trace_id = text[length : length + trace_length].decode()
        ids = {"request_id": request_id, "trace_id": trace_id}
        return Exemplar({name: one for name, one in ids.items() if one}, value, at)

    def _get_hash(self, position: int) -> int:
        start = self._hashes + position * _HASH.size
        digest: int = _HASH.unpack(self.memory[start : start + _HASH.size])[0]
        return digest

    def _get_cell(self, position: int, bucket: int) -> int:
        return self._cells + (position * MAX_BUCKETS + bucket) * _CELL_SIZE

    def _find_position(self, digest: int) -> int | None:
        """Return the position of a label set, or the free one for it; None in a full table."""
        first = digest % _POSITIONS
        for number in range(first, first + _POSITIONS):
            position = number % _POSITIONS
            if self._get_hash(position) in (0, digest):
                return position
        return None


def _hash(labels: tuple[str, ...]) -> int:
    """Return a number above 0 that is the same in every process, unlike `hash`."""
    digest = blake2b("\0".join(labels).encode("utf-8", "replace"), digest_size=8).digest()
    number: int = _HASH.unpack(digest)[0]
    return number or 1
