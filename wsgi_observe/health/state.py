"""Whether this process wants traffic at all, whatever its checks say."""

from __future__ import annotations


class HealthState:
    """Two facts that others set and readiness reads: starting and draining.

    They are independent, so that a start that ends while the process drains already does not
    call it ready. Any thread and any signal handler may set them: each is one assignment.
    A subclass may override the two properties, to read a byte shared with another process say.

    :param starting: whether the process begins as starting, until :meth:`ready` is called.
    """

    __slots__ = ("_draining", "_starting")

    def __init__(self, *, starting: bool = False) -> None:
        self._starting = starting
        self._draining = False

    @property
    def starting(self) -> bool:
        """Whether the process is still getting ready."""
        return self._starting

    @property
    def draining(self) -> bool:
        """Whether the process is going away and wants no new requests."""
        return self._draining

    def start(self) -> None:
        """Answer "starting" from now on, until :meth:`ready`."""
        self._starting = True

    def ready(self) -> None:
        """End the start: from now on the checks decide."""
        self._starting = False

    def drain(self) -> None:
        """Answer "draining" from now on; it outweighs everything else."""
        self._draining = True

    def resume(self) -> None:
        """Call a drain off."""
        self._draining = False

    def __repr__(self) -> str:
        return f"<{type(self).__name__} starting={self.starting} draining={self.draining}>"


class AnyState(HealthState):
    """Starting or draining while one of two is."""

    __slots__ = ("_states",)

    def __init__(self, first: HealthState, second: HealthState) -> None:
        super().__init__()
        self._states = (first, second)

    @property
    def starting(self) -> bool:
        """Whether one of them is still getting ready."""
        first, second = self._states
        return first.starting or second.starting

    @property
    def draining(self) -> bool:
        """Whether one of them is going away."""
        first, second = self._states
        return first.draining or second.draining
