"""The same bytes for the same line, made by orjson."""

from __future__ import annotations

import orjson

from wsgi_observe.logs import encoding
from wsgi_observe.logs.fields import Fields

# What both write alike. Of the rest orjson has forms of its own (an enum's value, null for NaN).
_ALIKE = {str, int, bool, type(None)}


def encode(line: Fields) -> bytes:
    """Return the JSON text of `line`, without a newline, whatever is in it; never raises."""
    for value in line.values():
        kind = type(value)
        if kind not in _ALIKE and not (kind is float and _is_written_alike(value)):
            return encoding.encode(line)
    try:
        return orjson.dumps(line)
    except Exception:  # a lone surrogate, a number beyond 64 bits
        return encoding.encode(line)


def _is_written_alike(value: object) -> bool:
    """Tell whether a float has no exponent, which orjson writes in another way."""
    return 1e-4 <= value < 1e16 or value == 0  # type: ignore[operator]
