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
_CELLS_OFFSET = _HEADER_SIZE + _POSITIONS * _HASH.size
# Hash of the label set, value, time, and both IDs, each with a NUL after it; then its checksum.
_EXEMPLAR = Struct(f"=Qdd{_MAX_TEXT_BYTES + 2}s")
_CHECKSUM = Struct("=I")
_CELL_SIZE = _EXEMPLAR.size + _CHECKSUM.size


class Exemplar(NamedTuple):
    """One request of those that a bucket has counted."""

    labels: dict[str, str]
    value: float
    at: float
    """In seconds since the epoch."""


class SeriesTable:
    """The label sets that all processes of a server use, as a hash table without a lock.

    Two processes that add one at the same moment may get the same position: then one of the two
    is counted again later, and an exemplar, which has the hash of its label set, is ignored.

    :param memory: at the beginning of which the table is.
    """

    offset = 0

    SIZE = _CELLS_OFFSET + _POSITIONS * MAX_BUCKETS * _CELL_SIZE

    _count = NumberField[int](0, "I")
    has_warned = NumberField[bool](4, "?")
    """Whether a process has warned of a full table."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory

    def add(self, labels: tuple[str, ...]) -> bool:
        """Return whether a label set is in the table; add it if there is room."""
        position, digest = self._find(labels)
        if self._get_hash(position) == digest:
            return True
        if self._count >= MAX_SERIES:
            return False
        start = _HEADER_SIZE + position * _HASH.size
        self.memory[start : start + _HASH.size] = _HASH.pack(digest)
        self._count += 1
        return True

    def write_exemplar(
        self, labels: tuple[str, ...], bucket: int, value: float, at: float, ids: tuple[str, str]
    ) -> None:
        """Replace the exemplar of a bucket; without an ID that OpenMetrics has no room for.

        :param ids: request ID and trace ID, empty for none.
        """
        request_id, trace_id = ids
        if len(request_id) + len(trace_id) > _MAX_TEXT_BYTES:
            request_id = ""
        text = f"{request_id}\0{trace_id[:_MAX_TEXT_BYTES]}".encode("ascii", "replace")
        start, digest = self._find_cell(labels, bucket)
        body = _EXEMPLAR.pack(digest, value, at, text)
        self.memory[start : start + _CELL_SIZE] = body + _CHECKSUM.pack(adler32(body))

    def read_exemplar(self, labels: tuple[str, ...], bucket: int) -> Exemplar | None:
        """Return the exemplar of a bucket; None where none is whole."""
        start, digest = self._find_cell(labels, bucket)
        cell = bytes(self.memory[start : start + _CELL_SIZE])
        body, (checksum,) = cell[: _EXEMPLAR.size], _CHECKSUM.unpack_from(cell, _EXEMPLAR.size)
        written_digest, value, at, text = _EXEMPLAR.unpack(body)
        if written_digest != digest or adler32(body) != checksum:
            return None
        request_id, trace_id, *_ = text.decode().split("\0")
        ids = {"request_id": request_id, "trace_id": trace_id}
        return Exemplar({name: one for name, one in ids.items() if one}, value, at)

    def _get_hash(self, position: int) -> int:
        digest: int = _HASH.unpack_from(self.memory, _HEADER_SIZE + position * _HASH.size)[0]
        return digest

    def _find_cell(self, labels: tuple[str, ...], bucket: int) -> tuple[int, int]:
        """Return where the exemplar of a bucket is, and the hash of the label set."""
        position, digest = self._find(labels)
        return _CELLS_OFFSET + (position * MAX_BUCKETS + bucket) * _CELL_SIZE, digest

    def _find(self, labels: tuple[str, ...]) -> tuple[int, int]:
        """Return the position of a label set, or the free one for it, and its hash."""
        digest = _hash(labels)
        position = digest % _POSITIONS
        for _ in range(_POSITIONS):
            if self._get_hash(position) in (0, digest):
                break
            position = (position + 1) % _POSITIONS
        return position, digest


def _hash(labels: tuple[str, ...]) -> int:
    """Return a number above 0 that is the same in every process, unlike `hash`."""
    digest = blake2b("\0".join(labels).encode("utf-8", "replace"), digest_size=8).digest()
    number: int = _HASH.unpack(digest)[0]
    return number or 1
