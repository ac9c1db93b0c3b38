"""Health state of a process: starting and draining, whatever its checks return."""

from __future__ import annotations


class HealthState:
    """Whether a process is starting or draining; while it is, readiness answers 503.

    The two are independent: a start that ends during a drain does not make the process ready.
    Any thread and any signal handler may set them, as each is one assignment. A subclass may
    override the two properties, for example to read memory shared with another process.

    :param starting: whether the process begins as starting, until :meth:`ready` is called.
    """

    __slots__ = ("_draining", "_starting")

    def __init__(self, *, starting: bool = False) -> None:
        self._starting = starting
        self._draining = False

    @property
    def starting(self) -> bool:
        """Whether the process is not ready yet."""
        return self._starting

    @property
    def draining(self) -> bool:
        """Whether the process is about to stop and should get no new requests."""
        return self._draining

    def start(self) -> None:
        """Answer "starting" from now on, until :meth:`ready`."""
        self._starting = True

    def ready(self) -> None:
        """End "starting": from now on the checks decide."""
        self._starting = False

    def drain(self) -> None:
        """Answer "draining" from now on, whatever else holds."""
        self._draining = True

    def resume(self) -> None:
        """Undo a drain."""
        self._draining = False

    def __repr__(self) -> str:
        return f"<{type(self).__name__} starting={self.starting} draining={self.draining}>"
