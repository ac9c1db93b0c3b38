"""A readiness check: what is called, with which timeout, and how much its failure weighs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass

from wsgi_observe.health import validators as validate


@dataclass(frozen=True)
class Check:
    """A readiness check: it passes when ``fn()`` returns without raising and not ``False``.

    :param fn: called without arguments, on a thread of its own. A string that it returns is a
        short detail for the log; nothing that it returns or raises is sent to the client.
    :param timeout: seconds after which the check counts as failing.
    :param critical: whether its failure makes the service unavailable (503) or degraded (200).
    :raises TypeError: for an argument of the wrong type, an ``async`` function included.
    :raises ValueError: for a timeout that is not a number of seconds above 0, up to a day.
    """

    fn: Callable[[], object]
    _: KW_ONLY
    timeout: float = 0.8
    critical: bool = True

    def __post_init__(self) -> None:
        validate.sync_callable("the function of a check", self.fn)
        validate.seconds("the timeout of a check", self.timeout)
        if not isinstance(self.critical, bool):
            raise TypeError(f"critical must be True or False, got {self.critical!r}")
