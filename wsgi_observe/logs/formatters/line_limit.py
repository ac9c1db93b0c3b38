"""A long record as lines that each fit, and those lines as the record again."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from itertools import count
from typing import Any

from wsgi_observe.field_names import LINE_NAMES, free_name
from wsgi_observe.logs.fields import Fields
from wsgi_observe.logs.formatters.encoders import Encode, encode
from wsgi_observe.logs.formatters.tracebacks import cut_traceback
from wsgi_observe.logs.formatters.truncation import cut, head, in_utf8, size

WHOLE = 64 * 1024
"""How many bytes of a record are written at most, over all of its lines."""

_BRIEF = 64  # bytes that a part tells of each field that names its record
_FEWEST = 8  # of these fields, at least
_OURS = ("continued_in", "truncated")
_TRIES = 4
_numbers = count(1)


def split(line: Fields, limit: int, encode: Encode, static: Collection[str] = ()) -> list[bytes]:
    """Return the lines of a record that is longer than `limit`: itself, cut, and its parts.

    The parts hold the JSON of the whole record, a piece each, in ``text``.
    """
    promised = [*LINE_NAMES, *static]
    whole = encode(line)
    if len(whole) > WHOLE:
        whole = _fitted(line, WHOLE, promised, encode)
    number = f"{line.get('pid', 0)}-{next(_numbers)}"
    brief = _brief(line, frozenset(promised), number, limit)
    room = limit - len(encode({**brief, "text": ""})) - 1
    pieces = _pieces(whole.decode(), max(_BRIEF, room))  # a smaller limit than any setting may be
    own = {_own_name(name, value): value for name, value in line.items()}
    first = {**own, "continued_in": number}
    lines = [_fitted(first, limit - 1, [*promised, "continued_in"], encode)]
    for part, text in enumerate(pieces, 1):
        lines.append(encode({**brief, "part": part, "parts": len(pieces), "text": text}))
    return [each + b"\n" for each in lines]


def _fitted(line: Fields, limit: int, promised: Collection[str], encode: Encode) -> bytes:
    """Return a line's JSON in at most `limit` bytes, of what is written in the end.

    By new names it may be longer than what was counted, and by an object that has another text
    each time.
    """
    room = limit
    for _ in range(_TRIES):
        data = encode(fit(line, room, promised))
        if len(data) <= limit:
            break
        room -= len(data) - limit
    return data


def _own_name(name: str, value: object) -> str:
    is_ours = name == "truncated" and value is True
    return name if is_ours else free_name(name, _OURS)


def join(lines: Iterable[str | bytes]) -> list[dict[str, Any]]:
    """Return the records of some log lines, each that was continued put together again.

    Lines that are no JSON objects are left out; a record whose parts are not all there is as
    short as its own line. The order is that of the records' own lines.

    >>> join(['{"message": "short"}'])
    [{'message': 'short'}]
    """
    records: list[dict[str, Any]] = []
    parts: dict[str, dict[int, dict[str, Any]]] = {}
    for line in lines:
        record = _read(line)
        if record is None:
            continue
        if _is_part(record):
            parts.setdefault(record["continues"], {})[record["part"]] = record
        else:
            records.append(record)
    return [_whole(record, parts) for record in records]


def _brief(line: Fields, promised: frozenset[str], number: str, limit: int) -> Fields:
    """Return what each part says of the record that it belongs to."""
    left_out = {"exc_type", "exc_info"}
    names = [name for name in line if name in promised and name not in left_out]
    brief: Fields = {}
    room = limit // 2
    for name in names:
        value = line[name]
        if not isinstance(value, (str, int, float)):
            continue
        room -= size(name) + _BRIEF + 6
        if room < 0 and len(brief) >= _FEWEST:
            break
        brief[name] = cut(value, _BRIEF) if isinstance(value, str) else value
    return {**brief, "level": "INFO", "continues": number, "part": 1000, "parts": 1000}


def _pieces(text: str, room: int) -> list[str]:
    pieces, start = [], 0
    while start < len(text):
        pieces.append(head(text, start, room))
        start += len(pieces[-1])
    return pieces


def _read(line: str | bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def _is_part(record: dict[str, Any]) -> bool:
    kinds = {"continues": str, "part": int, "parts": int, "text": str}
    return all(type(record.get(name)) is kind for name, kind in kinds.items())


def _whole(record: dict[str, Any], parts: dict[str, dict[int, dict[str, Any]]]) -> dict[str, Any]:
    found = parts.get(str(record.get("continued_in")), {})
    if not found or len(found) != next(iter(found.values()))["parts"]:
        return record
    text = "".join(found[part]["text"] for part in sorted(found))
    return _read(text) or record


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
