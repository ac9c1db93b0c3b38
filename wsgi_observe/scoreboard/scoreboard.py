"""The flight recorder's memory: shared by the arbiter, its workers and whoever asks them."""

from __future__ import annotations

import mmap
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from struct import Struct
from time import time_ns

from wsgi_observe.scoreboard.entries import FORM, SEAT_SIZE, Seat
from wsgi_observe.scoreboard.mirror import MAGIC as MIRRORS_MAGIC
from wsgi_observe.scoreboard.mirror import Mirror, read

_NAME = "wsgi_observe.inflight"
_MAGIC = b"wsgifly\x02"
_HEAD = Struct("8sIHHQ")  # magic, the arbiter's pid, seats, slots of each, when it was made
_HEAD_SIZE = 64


class Table:
    """A seat for each worker, with a slot for each request that runs in it.

    Made before the fork, in a file without a path (memfd_create(2)), which a command of the same
    user finds below ``/proc/<pid>/fd``. Where there is none, as on macOS, the memory is shared with
    children only.

    :raises OSError: where no memory can be shared.
    """

    def __init__(
        self, memory: mmap.mmap | bytearray, descriptor: int = -1, mirror: Mirror | None = None
    ) -> None:
        """Take what `make` has mapped, or what was read.

        :raises LookupError: for what is no table.
        """
        if len(memory) < _HEAD_SIZE or memory[: len(_MAGIC)] != _MAGIC:
            raise LookupError("no table of running requests")
        _, self.pid, self._seats, self._slots, self.made = _HEAD.unpack_from(memory)
        self.memory = memory
        self.descriptor = descriptor
        self._mirror = mirror
        if len(memory) < _size(self._seats, self._slots):
            raise LookupError("a table that is cut off")

    @classmethod
    def make(cls, seats: int, slots: int, kept: int = -1) -> Table:
        """Return a new one.

        :param kept: the descriptor of a file that it is copied to, if it is.
        """
        size = _size(seats, slots)
        descriptor = -1
        with suppress(OSError, AttributeError):
            descriptor = os.memfd_create(_NAME, os.MFD_CLOEXEC)
            os.ftruncate(descriptor, size)
        memory = mmap.mmap(descriptor, size)
        _HEAD.pack_into(memory, 0, _MAGIC, os.getpid(), seats, slots, time_ns())
        return cls(memory, descriptor, None if kept < 0 else Mirror(memory, kept))

    @classmethod
    def open(cls, descriptor: int) -> Table:
        """Return the table in memory that another process has made.

        :raises LookupError: when there is none.
        """
        try:
            return cls(mmap.mmap(descriptor, 0))
        except ValueError as error:  # an empty file
            raise LookupError("no table of running requests") from error

    @classmethod
    def read(cls, descriptor: int) -> Table:
        """Return a copy of the table that was kept in a file.

        :raises LookupError: when there is none.
        """
        memory = read(descriptor)
        if memory[: len(MIRRORS_MAGIC)] != MIRRORS_MAGIC:
            raise LookupError("no table of running requests")
        memory[: len(_MAGIC)] = _MAGIC
        return cls(memory)

    @classmethod
    def of_process(cls, pid: int) -> Table:
        """Return the table of a running process, the arbiter's or a worker's.

        :raises ProcessLookupError: when there is no such process.
        :raises PermissionError: when it is another user's.
        :raises LookupError: when it has none.
        """
        os.kill(pid, 0)
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError, LookupError):  # closed while we read, or not ours to open
                # Others than regular files may notice that they are opened.
                if stat.S_ISREG(link.stat().st_mode) and _begins_as_ours(link):
                    return _opened(link)
        raise LookupError(f"process {pid} has no table of running requests")

    @property
    def seats(self) -> Iterator[Seat]:
        """All of them, taken or not."""
        return map(self.seat, range(self._seats))

    def seat(self, number: int) -> Seat:
        """Return the seat of that number."""
        start = _HEAD_SIZE + number * _seat_size(self._slots)
        return Seat(self.memory, start, self._slots, self._mirror)


def _seat_size(slots: int) -> int:
    return SEAT_SIZE + slots * FORM.size


def _size(seats: int, slots: int) -> int:
    return _HEAD_SIZE + seats * _seat_size(slots)


def _begins_as_ours(link: Path) -> bool:
    with link.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def _opened(link: Path) -> Table:
    descriptor = os.open(link, os.O_RDWR)
    try:
        return Table.open(descriptor)
    finally:
        os.close(descriptor)
