"""Check: one readiness check as a value, and the result of one run of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction, signature
from typing import NamedTuple

from wsgi_observe.settings import Settings
from wsgi_observe.validators import boolean, positive_seconds


@dataclass(frozen=True)
class Check:
    """A readiness check: it passes when ``fn()`` returns without raising and not ``False``.

    :param fn: called without arguments, on a thread of its own. A string it returns is kept as
        a short detail for the log; nothing it returns or raises is shown to the client.
    :param timeout: seconds after which the check counts as failing.
    :param critical: whether its failure makes the service unavailable (503) or degraded (200).
    :raises TypeError: for a function that cannot be called without arguments, or is ``async``.
    :raises ValueError: for a timeout that is not a number of seconds above 0, up to a day.
    """

    fn: Callable[[], object] = field(hash=False)  # a callable object may have no hash
    timeout: float = field(default=Settings.check_timeout, kw_only=True)
    critical: bool = field(default=True, kw_only=True)

    def __post_init__(self) -> None:
        _validate_function(self.fn)
        positive_seconds("the timeout of a check", self.timeout)
        boolean("critical", self.critical)


class CheckResult(NamedTuple):
    """The result of one run of a check.

    :param detail: why it failed, where that is known; of a check that passed, the string that it
        returned.
    :param error: what it raised; for a check that hangs, an exception with its stack as traceback.
    """

    passed: bool
    detail: str = ""
    error: BaseException | None = None


def _validate_function(fn: object) -> None:
    """Raise TypeError unless ``fn()`` is an ordinary call without arguments."""
    allowed = "the function of a check must be a callable without required arguments"
    if not callable(fn):
        raise TypeError(f"{allowed}, got {fn!r}")
    if iscoroutinefunction(fn) or isgeneratorfunction(fn) or isasyncgenfunction(fn):
        # Calling one runs nothing, so that the check would pass whatever happens.
        raise TypeError(f"{allowed}, neither async nor a generator, got {fn!r}")
    try:
        # A decorator may pass in what the function it wraps requires.
        fn_signature = signature(fn, follow_wrapped=False)
    except (TypeError, ValueError):  # some functions written in C have no signature
        return
    try:
        fn_signature.bind()
    except TypeError:
        raise TypeError(f"{allowed}, got {fn!r}") from None
