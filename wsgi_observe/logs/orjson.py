"""The same bytes for the same line, made by orjson."""

from __future__ import annotations

from orjson import dumps

from wsgi_observe.logs import encoding
from wsgi_observe.logs.fields import Fields

# What both write alike. Of the rest orjson has forms of its own (an enum's value, null for NaN).
_ALIKE = frozenset({str, int, bool, type(None)})


def encode(line: Fields) -> bytes:
    """Return the JSON text of `line`, without a newline, whatever is in it; never raises."""
    if not _ALIKE.issuperset(map(type, line.values())) and not all(map(_is_alike, line.values())):
        return encoding.encode(line)
    try:
        return dumps(line)
    except Exception:  # a lone surrogate, a number beyond 64 bits
        return encoding.encode(line)


def _is_alike(value: object) -> bool:
    """Tell whether both write a value alike: a float only where it has no exponent."""
    if type(value) is float:
        return 1e-4 <= value < 1e16 or value == 0
    return type(value) in _ALIKE
