"""Fit-checks for what the engine is given at start: one clear error instead of a late surprise."""

from __future__ import annotations

from collections.abc import Callable

from wsgi_observe.validators import LONGEST_WAIT

LONGEST_NAME = 64


def seconds(what: str, value: float, *, zero: bool = False, endless: bool = False) -> float:
    """Return `value` when it is a number of seconds above 0 (`zero`, `endless`: or that)."""
    allowed = "a number of seconds " + ("from 0" if zero else "above 0")
    allowed += ", or infinity" if endless else f" to {LONGEST_WAIT:.0f}"
    number(what, value, allowed)
    above = value >= 0 if zero else value > 0
    if not (above and (endless or value <= LONGEST_WAIT)):  # NaN fails the first comparison
        raise ValueError(f"{what} must be {allowed}, got {value!r}")
    return value


def percentage(what: str, value: float) -> float:
    """Return `value` when it lies strictly between 0 and 100."""
    allowed = "a number above 0 and below 100"
    number(what, value, allowed)
    if not 0 < value < 100:
        raise ValueError(f"{what} must be {allowed}, got {value!r}")
    return value


def port(what: str, value: object) -> None:
    """Raise TypeError or ValueError unless `value` is a TCP port that can be connected to."""
    allowed = "a whole number from 1 to 65535"
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{what} must be {allowed}, got {value!r}")
    if not 0 < value < 65536:
        raise ValueError(f"{what} must be {allowed}, got {value!r}")


def number(what: str, value: object, allowed: str) -> None:
    """Raise TypeError unless `value` is an int or a float; True and False are neither here."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{what} must be {allowed}, got {value!r}")


def name(value: object) -> str:
    """Return `value` when it can name a check in a path, a query string and a line of text."""
    allowed = f"1 to {LONGEST_NAME} printable characters without spaces and slashes"
    if not isinstance(value, str):
        raise TypeError(f"the name of a check must be {allowed}, got {value!r}")
    fits = value.isprintable() and not set(value) & {" ", "/"}
    if not fits or not 0 < len(value) <= LONGEST_NAME:
        raise ValueError(f"the name of a check must be {allowed}, got {value!r}")
    return value


def ordinary_callable(what: str, fn: object) -> None:
    """Raise TypeError unless ``fn()`` is an ordinary call that needs no argument."""
    allowed = "a callable without required arguments"
    if not callable(fn):
        raise TypeError(f"{what} must be {allowed}, got {fn!r}")
    if _is_deferred(fn):
        # Calling one runs nothing, so that the check would pass whatever happens.
        raise TypeError(f"{what} must be {allowed}, neither async nor a generator, got {fn!r}")
    if not _takes_no_argument(fn):
        raise TypeError(f"{what} must be {allowed}, got {fn!r}")


def _is_deferred(fn: object) -> bool:
    # Only here: it takes long to load, and not every service has a check.
    from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction

    return iscoroutinefunction(fn) or isgeneratorfunction(fn) or isasyncgenfunction(fn)


def _takes_no_argument(fn: Callable[..., object]) -> bool:
    from inspect import signature

    try:
        # A decorator may pass in what the function it wraps requires.
        found = signature(fn, follow_wrapped=False)
    except (TypeError, ValueError):  # no signature to be had, as with some written in C
        return True
    try:
        found.bind()
    except TypeError:
        return False
    return True
