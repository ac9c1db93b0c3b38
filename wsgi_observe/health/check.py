"""One readiness check as a value: what is called, for how long, how much its failure weighs."""

from __future__ import annotations

from collections.abc import Callable

from wsgi_observe.frozen import Frozen
from wsgi_observe.health import validators as validate


class Check(Frozen):
    """A readiness check: it passes when ``fn()`` returns without raising and not ``False``.

    :param fn: called without arguments, on a thread of its own. A string it returns is kept as
        a short detail for the log; nothing it returns or raises is shown to the client.
    :param timeout: seconds after which the check counts as failing.
    :param critical: whether its failure makes the service unavailable (503) or degraded (200).
    :raises TypeError: for an argument of the wrong type, an ``async`` function included.
    :raises ValueError: for a timeout that is not a number of seconds above 0, up to a day.
    """

    _field_names = ("fn", "timeout", "critical")
    __match_args__ = ("fn",)

    fn: Callable[[], object]
    timeout: float
    critical: bool

    def __init__(
        self, fn: Callable[[], object], *, timeout: float = 0.8, critical: bool = True
    ) -> None:
        validate.sync_callable("the function of a check", fn)
        validate.seconds("the timeout of a check", timeout)
        if not isinstance(critical, bool):
            raise TypeError(f"critical must be True or False, got {critical!r}")
        super().__init__(fn=fn, timeout=timeout, critical=critical)
