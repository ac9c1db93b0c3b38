"""A line's fields made to fit a number of bytes, the longest texts cut first."""

from __future__ import annotations

from collections.abc import Collection

from wsgi_observe.core.names import free_name
from wsgi_observe.logs.cut import cut, size
from wsgi_observe.logs.encoding import encode
from wsgi_observe.logs.request_fields import Fields
from wsgi_observe.logs.tracebacks import cut_traceback

_LEAST = 32  # bytes that are left of a text, at least

_MARK = "truncated"


def fit(line: Fields, limit: int, promised: Collection[str] = ()) -> Fields:
    """Return `line` with texts cut, and ``"truncated": true``, so that it takes `limit` bytes.

    What stands on the line beside the `promised` names is left out, the last first, where that
    is still too long.
    """
    values = {name: _text(value) for name, value in line.items()}
    names = {name: free_name(name, {_MARK}) for name in line}
    fixed = {name: size(names[name]) + len('"":"",') for name in line}
    room = limit - len(f'{{"{_MARK}":true}}')
    kept = list(line)
    optional = [name for name in kept if name not in promised]
    while (share := _share([size(values[name]) for name in kept], room - _sum(fixed, kept))) < (
        _LEAST
    ) and optional:
        kept.remove(optional.pop())
    shown = {names[name]: _cut(name, line[name], values[name], max(share, 1)) for name in kept}
    return {**shown, _MARK: True}


def _sum(costs: dict[str, int], names: list[str]) -> int:
    return sum(costs[name] for name in names)


def _text(value: object) -> str:
    """Return a value's own text, or its JSON."""
    return value if isinstance(value, str) else encode({"": value})[len('{"":') : -1].decode()


def _share(sizes: list[int], room: int) -> int:
    """Return the most that each may take, so that what is shorter leaves its rest to the others."""
    left = len(sizes)
    for taken in sorted(sizes):
        if taken * left > room:
            return room // left
        room -= taken
        left -= 1
    return max(sizes, default=_LEAST) or _LEAST


def _cut(name: str, value: object, text: str, limit: int) -> object:
    if size(text) <= limit:
        return value
    return cut_traceback(text, limit) if name in ("exc_info", "stack") else cut(text, limit)
