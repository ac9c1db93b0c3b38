"""Readiness state in shared memory: set once, it holds for every process of a server."""

from __future__ import annotations

from time import monotonic

from wsgi_observe._shared_memory import Memory, NumberField, create_memory, open_memory
from wsgi_observe.health.state import HealthState

_MEMORY_NAME = "wsgi_observe.state"
_MAGIC = b"wsgiobs2"
_SIZE = 32


class SharedState(HealthState):
    """A readiness state that is created before the fork; workers and a command share `draining`.

    Times are those of CLOCK_MONOTONIC, which the processes of a machine have in common.

    :param memory: that of another process; None for new memory.
    """

    __slots__ = ("memory",)

    offset = 0

    _is_draining = NumberField[bool](8, "?")
    stopping = NumberField[bool](9, "?")
    """Whether the server stops when the drain is over, so that the drain cannot be undone."""

    drain_seconds = NumberField[float](16, "d")
    """How long a drain takes by default."""

    _drain_ends_at = NumberField[float](24, "d")

    def __init__(self, memory: Memory | None = None) -> None:
        super().__init__()
        self.memory: Memory = create_memory(_MEMORY_NAME, _SIZE) if memory is None else memory
        self.memory[: len(_MAGIC)] = _MAGIC

    @classmethod
    def of_process(cls, pid: int) -> SharedState:
        """Return the state of a running server.

        :raises ProcessLookupError: when there is no such process.
        :raises PermissionError: when it is another user's.
        :raises LookupError: when it has no shared state.
        """
        return cls(open_memory(pid, _MEMORY_NAME, _MAGIC))

    @property
    def draining(self) -> bool:
        """Whether any process has started a drain."""
        return self._is_draining

    @property
    def remaining_seconds(self) -> float:
        """The seconds until the drain is over; 0.0 when it is, and while there is none."""
        return max(0.0, self._drain_ends_at - monotonic()) if self.draining else 0.0

    def drain(self, drain_seconds: float | None = None) -> None:
        """Answer "draining" from now on, in every process; a running drain is not restarted."""
        if not self.draining:
            duration = self.drain_seconds if drain_seconds is None else drain_seconds
            self._drain_ends_at = monotonic() + duration
            self._is_draining = True

    def resume(self) -> None:
        """Undo a drain, unless the server is about to stop."""
        if not self.stopping:
            self._is_draining = False
