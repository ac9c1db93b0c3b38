"""The same bytes for the same line, made by orjson."""

from __future__ import annotations

from collections.abc import Iterable

from orjson import dumps

from wsgi_observe.core.failures import any_failure
from wsgi_observe.logs import encoding
from wsgi_observe.logs.request_fields import Fields

# What both write alike. Of the rest orjson has forms of its own (an enum's value, null for NaN).
_ALIKE = frozenset({str, int, bool, type(None)})


def encode(line: Fields) -> bytes:
    """Return the JSON text of `line`, without a newline, whatever is in it; never raises."""
    values = line.values()
    # Most lines have no float, so for them one question does; an access line always has some.
    if not _ALIKE.issuperset(map(type, values)) and not _are_alike(values):
        return encoding.encode(line)
    try:
        return dumps(line)
    except any_failure():  # a lone surrogate, a number beyond 64 bits
        return encoding.encode(line)


def _are_alike(values: Iterable[object]) -> bool:
    """Return whether both write each value alike: a float only where it has no exponent."""
    for value in values:
        kind = type(value)
        if kind not in _ALIKE and not (kind is float and _has_no_exponent(value)):
            return False
    return True


def _has_no_exponent(number: object) -> bool:
    return 1e-4 <= number < 1e16 or number == 0  # type: ignore[operator]
