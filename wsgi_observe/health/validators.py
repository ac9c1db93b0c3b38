"""Fit-checks for what the engine is given at start: one clear error instead of a late surprise."""

from __future__ import annotations

from collections.abc import Callable

from wsgi_observe.validators import MAX_WAIT_SECONDS

MAX_NAME_LENGTH = 64


def seconds(
    label: str, value: float, *, allow_zero: bool = False, allow_infinite: bool = False
) -> float:
    """Return `value` when it is a number of seconds above 0 (`allow_zero`, `allow_infinite`: or that)."""
    allowed = "a number of seconds " + ("from 0" if allow_zero else "above 0")
    allowed += ", or infinity" if allow_infinite else f" to {MAX_WAIT_SECONDS:.0f}"
    number(label, value, allowed)
    is_in_range = value >= 0 if allow_zero else value > 0
    if not (
        is_in_range and (allow_infinite or value <= MAX_WAIT_SECONDS)
    ):  # NaN fails the first comparison
        raise ValueError(f"{label} must be {allowed}, got {value!r}")
    return value


def percentage(label: str, value: float) -> float:
    """Return `value` when it lies strictly between 0 and 100."""
    allowed = "a number above 0 and below 100"
    number(label, value, allowed)
    if not 0 < value < 100:
        raise ValueError(f"{label} must be {allowed}, got {value!r}")
    return value


def port(label: str, value: object) -> None:
    """Raise TypeError or ValueError unless `value` is a TCP port that can be connected to."""
    allowed = "a whole number from 1 to 65535"
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{label} must be {allowed}, got {value!r}")
    if not 0 < value < 65536:
        raise ValueError(f"{label} must be {allowed}, got {value!r}")


def number(label: str, value: object, allowed: str) -> None:
    """Raise TypeError unless `value` is an int or a float; True and False are neither here."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{label} must be {allowed}, got {value!r}")


def name(value: object) -> str:
    """Return `value` when it can name a check in a path, a query string and a line of text."""
    allowed = f"1 to {MAX_NAME_LENGTH} printable characters without spaces and slashes"
    if not isinstance(value, str):
        raise TypeError(f"the name of a check must be {allowed}, got {value!r}")
    is_valid = value.isprintable() and not set(value) & {" ", "/"}
    if not is_valid or not 0 < len(value) <= MAX_NAME_LENGTH:
        raise ValueError(f"the name of a check must be {allowed}, got {value!r}")
    return value


def sync_callable(label: str, fn: object) -> None:
    """Raise TypeError unless ``fn()`` is an ordinary call that needs no argument."""
    allowed = "a callable without required arguments"
    if not callable(fn):
        raise TypeError(f"{label} must be {allowed}, got {fn!r}")
    if _is_deferred(fn):
        # Calling one runs nothing, so that the check would pass whatever happens.
        raise TypeError(f"{label} must be {allowed}, neither async nor a generator, got {fn!r}")
    if not _is_callable_without_arguments(fn):
        raise TypeError(f"{label} must be {allowed}, got {fn!r}")


def _is_deferred(fn: object) -> bool:
    # Only here: it takes long to load, and not every service has a check.
    from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction

    return iscoroutinefunction(fn) or isgeneratorfunction(fn) or isasyncgenfunction(fn)


def _is_callable_without_arguments(fn: Callable[..., object]) -> bool:
    from inspect import signature

    try:
        # A decorator may pass in what the function it wraps requires.
        sig = signature(fn, follow_wrapped=False)
    except (TypeError, ValueError):  # no signature to be had, as with some written in C
        return True
    try:
        sig.bind()
    except TypeError:
        return False
    return True
