"""JSON encoder on orjson: the same text for the same line as the standard library's makes."""

from __future__ import annotations

from collections.abc import Iterable

from orjson import dumps

from wsgi_observe.logs.fields import Fields
from wsgi_observe.logs.formatters import encoders as encoding
from wsgi_observe.wsgi.exceptions import any_failure

# Types that both encode alike. For others orjson has forms of its own (null for NaN).
_COMMON_TYPES = frozenset({str, int, bool, type(None)})


def encode(line: Fields) -> str:
    """Return the JSON text of `line`, without a newline, whatever is in it; never raises."""
    values = line.values()
    # Most lines have no float and need no second look; an access line always has some.
    if not _COMMON_TYPES.issuperset(map(type, values)) and not _are_encoded_alike(values):
        return encoding.encode(line)
    try:
        return dumps(line).decode()
    except any_failure():  # a lone surrogate, a number beyond 64 bits
        return encoding.encode(line)


def _are_encoded_alike(values: Iterable[object]) -> bool:
    """Return whether both encode each value alike: a float only without an exponent."""
    for value in values:
        if type(value) is float:
            if not (1e-4 <= value < 1e16 or value == 0):
                return False
        elif type(value) not in _COMMON_TYPES:
            return False
    return True
