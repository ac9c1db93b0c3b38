"""A state that several processes share: those that were forked, and a command beside them."""

from __future__ import annotations

import mmap
import os
from contextlib import suppress
from pathlib import Path
from struct import Struct
from time import monotonic

from wsgi_observe.health.state import HealthState

_MEMFD_NAME = "wsgi_observe.state"
_MAGIC = b"wsgiobs2"
_LAYOUT = Struct("=8s??6xdd")  # magic, draining, stopping, seconds of a drain, when it is over
_DRAINING_OFFSET, _STOPPING_OFFSET = 8, 9
_FLOAT64 = Struct("=d")


class SharedState(HealthState):
    """Draining as one byte of memory that is made before the fork, so that all workers see it.

    The memory is a file without a path (memfd_create(2)), which a command of the same user finds
    below ``/proc/<pid>/fd``. Where there is none, as on macOS, it is shared with children only.
    Times are those of CLOCK_MONOTONIC, which the processes of a machine have in common.

    :raises OSError: where no memory can be shared.
    """

    __slots__ = ("_memory",)

    def __init__(self, memory: mmap.mmap | None = None) -> None:
        super().__init__()
        self._memory = _create_memory() if memory is None else memory

    @classmethod
    def of_process(cls, pid: int) -> SharedState:
        """Return the state of a running server.

        :raises ProcessLookupError: when there is no such process.
        :raises PermissionError: when it is another user's.
        :raises LookupError: when it shares no state.
        """
        os.kill(pid, 0)
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed while we read
                if str(link.readlink()).startswith(f"/memfd:{_MEMFD_NAME}"):
                    return cls(_open_memory(link))
        raise LookupError(f"process {pid} shares no state")

    @property
    def draining(self) -> bool:
        """Whether the server is going away, whichever process has said so."""
        return self._memory[_DRAINING_OFFSET] != 0

    @property
    def stopping(self) -> bool:
        """Whether the server will stop when the drain is over, which cannot be called off."""
        return self._memory[_STOPPING_OFFSET] != 0

    def mark_stopping(self) -> None:
        """Note that it will."""
        self._memory[_STOPPING_OFFSET] = 1

    @property
    def drain_seconds(self) -> float:
        """How long a drain takes that is not told otherwise."""
        value: float = _LAYOUT.unpack(self._memory[:])[3]
        return value

    @drain_seconds.setter
    def drain_seconds(self, drain_seconds: float) -> None:
        _FLOAT64.pack_into(self._memory, 16, drain_seconds)

    @property
    def remaining_seconds(self) -> float:
        """How many seconds of the drain are left, 0.0 when it is over or has not begun."""
        ends_at: float = _LAYOUT.unpack(self._memory[:])[4]
        return max(0.0, ends_at - monotonic()) if self.draining else 0.0

    def drain(self, drain_seconds: float | None = None) -> None:
        """Answer "draining" from now on, in every process; a drain that runs is not begun anew."""
        if not self.draining:
            duration = self.drain_seconds if drain_seconds is None else drain_seconds
            _FLOAT64.pack_into(self._memory, 24, monotonic() + duration)
            self._memory[_DRAINING_OFFSET] = 1

    def resume(self) -> None:
        """Call a drain off, unless the server is about to stop."""
        if not self.stopping:
            self._memory[_DRAINING_OFFSET] = 0


def _create_memory() -> mmap.mmap:
    try:
        descriptor = os.memfd_create(_MEMFD_NAME, os.MFD_CLOEXEC)
    except (OSError, AttributeError):
        memory = mmap.mmap(-1, _LAYOUT.size)  # which only children share
    else:
        os.ftruncate(descriptor, _LAYOUT.size)
        memory = mmap.mmap(descriptor, _LAYOUT.size)
        os.close(descriptor)  # the map has a copy, which is there for as long as itself
    memory[:] = _LAYOUT.pack(_MAGIC, False, False, 0.0, 0.0)
    return memory


def _open_memory(link: Path) -> mmap.mmap:
    descriptor = os.open(link, os.O_RDWR)
    try:
        memory = mmap.mmap(descriptor, _LAYOUT.size)
    except ValueError as error:  # shorter: not ours
        raise LookupError(f"{link} is no state") from error
    finally:
        os.close(descriptor)
    if memory[: len(_MAGIC)] != _MAGIC:
        raise LookupError(f"{link} is the state of another version")
    return memory
