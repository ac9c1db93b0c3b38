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
_OURS = ("continued_in", "truncated")
_numbers = count(1)


def split(line: Fields, limit: int, encode: Encode, static: Collection[str] = ()) -> list[bytes]:
    """Return the lines of a record that is longer than `limit`: itself, cut, and its parts.

    The parts hold the JSON of the whole record, a piece each, in ``text``.
    """
    whole = encode(line)
    if len(whole) > WHOLE:
        whole = encode(fit(line, WHOLE, LINE_NAMES))
    number = f"{line.get('pid', 0)}-{next(_numbers)}"
    promised = [*LINE_NAMES, *static]
    brief = _brief(line, promised, number, limit)
    room = limit - len(encode({**brief, "text": ""})) - 1
    pieces = _pieces(whole.decode(), max(_BRIEF, room))  # a smaller limit than any setting may be
    own = {free_name(name, _OURS): value for name, value in line.items()}
    lines = [fit({**own, "continued_in": number}, limit - 1, [*promised, "continued_in"])]
    for part, text in enumerate(pieces, 1):
        lines.append({**brief, "part": part, "parts": len(pieces), "text": text})
    return [encode(each) + b"\n" for each in lines]


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


def _brief(line: Fields, promised: Iterable[str], number: str, limit: int) -> Fields:
    """Return what each part says of the record that it belongs to."""
    left_out = {"exc_type", "exc_info"}
    names = [name for name in line if name in promised and name not in left_out]
    brief: Fields = {
        name: cut(value, _BRIEF) if isinstance(value, str) else value
        for name in names
        if isinstance(value := line[name], (str, int, float))
    }
    while sum(size(name) + _BRIEF + 6 for name in brief) > limit // 2 and len(brief) > 8:
        brief.popitem()
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
