"""A long record as lines that each fit, and those lines as the record again."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from itertools import count
from typing import Any

from wsgi_observe.core.names import LINE_NAMES, free_name
from wsgi_observe.logs.cap import fit
from wsgi_observe.logs.cut import cut, head, size
from wsgi_observe.logs.encoding import Encode
from wsgi_observe.logs.request_fields import Fields

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
