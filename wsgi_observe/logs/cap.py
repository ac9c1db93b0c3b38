"""A line's fields made to fit a number of bytes, the longest texts cut first."""

from __future__ import annotations

from collections.abc import Collection

from wsgi_observe.core.names import free_name
from wsgi_observe.logs.cut import cut, in_utf8, size
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
    texts = {name: _text(value) for name, value in line.items() if not _is_mark(name, value)}
    names = {name: free_name(name, {_MARK}) for name in texts}
    fixed = {name: size(str(names[name])) + len('"":"",') for name in texts}
    sizes = {name: size(text) for name, text in texts.items()}
    room = limit - len(f'{{"{_MARK}":true}}')
    kept = _kept(sizes, fixed, room, frozenset(promised))
    share = _share([sizes[name] for name in kept], room - sum(fixed[name] for name in kept))
    shown = {
        names[name]: line[name] if sizes[name] <= share else _cut(name, texts[name], max(share, 1))
        for name in kept
    }
    return {**shown, _MARK: True}


def _is_mark(name: str, value: object) -> bool:
    """Return whether it is our own mark: redaction has cut the line before."""
    return name == _MARK and value is True


def _kept(
    sizes: dict[str, int], fixed: dict[str, int], room: int, promised: frozenset[str]
) -> list[str]:
    """Return the names of what stays: all that is promised, and the first of the others."""
    least = {name: fixed[name] + min(size, _LEAST) for name, size in sizes.items()}
    room -= sum(cost for name, cost in least.items() if name in promised)
    kept = []
    for name, cost in least.items():
        if name in promised:
            kept.append(name)
        elif room >= 0:
            room -= cost
            if room >= 0:
                kept.append(name)
    return kept


def _text(value: object) -> str:
    """Return a value's own text, or its JSON."""
    if isinstance(value, str):
        return value if value.isascii() else in_utf8(value)
    return encode({"": value})[len('{"":') : -1].decode()


def _share(sizes: list[int], room: int) -> int:
    """Return the most that each may take, so that what is shorter leaves its rest to the others."""
    left = len(sizes)
    for taken in sorted(sizes):
        if taken * left > room:
            return room // left
        room -= taken
        left -= 1
    return max(sizes, default=_LEAST) or _LEAST


def _cut(name: str, text: str, limit: int) -> str:
    return cut_traceback(text, limit) if name in ("exc_info", "stack") else cut(text, limit)
