"""Continuation lines: split a long record into lines within a limit, and join them again."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from itertools import count
from typing import Any

from wsgi_observe.field_names import LINE_NAMES
from wsgi_observe.logs.fields import Fields
from wsgi_observe.logs.formatters.encoders import Encode, encode
from wsgi_observe.logs.formatters.tracebacks import cut_traceback
from wsgi_observe.logs.formatters.truncation import cut_middle, json_size, take_head

MAX_RECORD_BYTES = 64 * 1024
"""How many bytes of a record are written at most, over all of its lines."""

_MAX_PART_FIELD_BYTES = 64  # of each field of the record that a part repeats
_MIN_PART_FIELDS = 8  # of these fields, at least
_MIN_TEXT_BYTES = 32  # bytes that are left of a text, at least
_TRACEBACKS = ("exc_info", "stack", "stack_info")
_numbers = count(1)


def split_record(
    line: Fields, limit: int, encode: Encode, static: Collection[str] = ()
) -> list[bytes]:
    """Return the lines of a record that is longer than `limit`: itself, cut, and its parts.

    The parts hold the JSON of the whole record, a piece each, in ``text``.

    :param line: in types of JSON.
    """
    required = LINE_NAMES.union(static, ("continued_in",))
    whole = encode(line)
    if len(whole.encode()) > MAX_RECORD_BYTES:
        whole = encode(_truncate_fields(line, MAX_RECORD_BYTES, required))
    number = f"{line.get('pid', 0)}-{next(_numbers)}"
    part_header = _make_part_header(line, required, number, limit)
    available = limit - len(encode({**part_header, "text": ""}).encode()) - 1
    # A smaller limit than any setting may be.
    pieces = _split_text(whole, max(_MAX_PART_FIELD_BYTES, available))
    first = {**line, "continued_in": number}
    lines = [encode(_truncate_fields(first, limit - 1, required))]
    for part, text in enumerate(pieces, 1):
        lines.append(encode({**part_header, "part": part, "parts": len(pieces), "text": text}))
    return [f"{each}\n".encode() for each in lines]


def _truncate_fields(line: Fields, limit: int, required: Collection[str]) -> Fields:
    """Return `line` with texts cut, and ``"truncated": true``, so that it takes `limit` bytes.

    Fields other than the `required` ones are left out, the last first, where that is still too
    long.
    """
    # It is there already where redaction has cut the line.
    texts = {name: _to_text(value) for name, value in line.items() if name != "truncated"}
    fixed = {name: json_size(name) + len('"":"",') for name in texts}
    sizes = {name: json_size(text) for name, text in texts.items()}
    available = limit - len('{"truncated":true}')
    selected = _select_fields(sizes, fixed, available, required)
    share = _get_max_text_bytes(
        [sizes[name] for name in selected], available - sum(fixed[name] for name in selected)
    )
    shown = {
        name: line[name] if sizes[name] <= share else _cut_text(name, texts[name], max(share, 1))
        for name in selected
    }
    return {**shown, "truncated": True}


def _select_fields(
    sizes: dict[str, int], fixed: dict[str, int], available: int, required: Collection[str]
) -> list[str]:
    """Return the names of the fields to keep: all required ones, and the first of the others."""
    least = {name: fixed[name] + min(size, _MIN_TEXT_BYTES) for name, size in sizes.items()}
    available -= sum(cost for name, cost in least.items() if name in required)
    selected = []
    for name, cost in least.items():
        if name not in required:
            available -= cost
        if name in required or available >= 0:
            selected.append(name)
    return selected


def _to_text(value: object) -> str:
    """Return a value's own text, or its JSON."""
    return value if isinstance(value, str) else encode({"": value})[len('{"":') : -1]


def _get_max_text_bytes(sizes: list[int], available: int) -> int:
    """Return the limit of each text: what shorter ones leave is shared by the others."""
    remaining = len(sizes)
    for needed in sorted(sizes):
        if needed * remaining > available:
            return available // remaining
        available -= needed
        remaining -= 1
    return max(sizes, default=_MIN_TEXT_BYTES) or _MIN_TEXT_BYTES


def _cut_text(name: str, text: str, limit: int) -> str:
    return cut_traceback(text, limit) if name in _TRACEBACKS else cut_middle(text, limit)


def join(lines: Iterable[str | bytes]) -> list[dict[str, Any]]:
    """Return the records of some log lines, each that was continued put together again.

    Lines that are no JSON objects are left out; a record whose parts are not all there is as
    short as its own line. The order is that of the records' own lines.

    >>> join(['{"message": "short"}'])
    [{'message': 'short'}]
    """
    return join_records(record for record in map(_parse_line, lines) if record is not None)


def join_records(lines: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the same for the fields of lines."""
    records: list[dict[str, Any]] = []
    parts: dict[str, dict[tuple[int, int], str]] = {}
    for record in lines:
        if _is_part(record):
            position = record["part"], record["parts"]
            parts.setdefault(record["continues"], {})[position] = record["text"]
        else:
            records.append(record)
    return [_reassemble(one, parts.get(str(one.get("continued_in")), {})) for one in records]


def _make_part_header(line: Fields, required: frozenset[str], number: str, limit: int) -> Fields:
    """Return the fields of the record that each of its parts repeats."""
    left_out = ("exc_type", "exc_info")
    part_header: Fields = {}
    available = limit // 2
    for name, value in line.items():
        is_repeated = name in required and name not in left_out
        if not (is_repeated and isinstance(value, (str, int, float))):
            continue
        available -= json_size(name) + _MAX_PART_FIELD_BYTES + 6
        if available < 0 and len(part_header) >= _MIN_PART_FIELDS:
            break
        part_header[name] = (
            cut_middle(value, _MAX_PART_FIELD_BYTES) if isinstance(value, str) else value
        )
    return {**part_header, "level": "INFO", "continues": number, "part": 1000, "parts": 1000}


def _split_text(text: str, available: int) -> list[str]:
    pieces, start = [], 0
    while start < len(text):
        pieces.append(take_head(text, start, available))
        start += len(pieces[-1])
    return pieces


def _parse_line(line: str | bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _is_part(record: dict[str, Any]) -> bool:
    kinds = {"continues": str, "part": int, "parts": int, "text": str}
    return all(type(record.get(name)) is kind for name, kind in kinds.items())


def _reassemble(record: dict[str, Any], parts: dict[tuple[int, int], str]) -> dict[str, Any]:
    """Return the whole of a record, of which `parts` has the texts by part and number of parts."""
    if not parts or len(parts) != max(parts)[1]:
        return record
    return _parse_line("".join(parts[position] for position in sorted(parts))) or record
