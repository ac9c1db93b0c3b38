"""Continuation lines: split a long record into lines within a limit, and join them again."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from itertools import count
from typing import Any

from wsgi_observe.field_names import LINE_NAMES, free_name
from wsgi_observe.logs.fields import Fields
from wsgi_observe.logs.formatters.encoders import Encode, encode
from wsgi_observe.logs.formatters.tracebacks import cut_traceback
from wsgi_observe.logs.formatters.truncation import (
    cut_middle,
    escape_surrogates,
    json_size,
    take_head,
)

MAX_RECORD_BYTES = 64 * 1024
"""How many bytes of a record are written at most, over all of its lines."""

_MAX_PART_FIELD_BYTES = 64  # of each field of the record that a part repeats
_MIN_PART_FIELDS = 8  # of these fields, at least
_OWN_FIELDS = ("continued_in", "truncated")
_MAX_TRIES = 4
_numbers = count(1)


def split_record(
    line: Fields, limit: int, encode: Encode, static: Collection[str] = ()
) -> list[bytes]:
    """Return the lines of a record that is longer than `limit`: itself, cut, and its parts.

    The parts hold the JSON of the whole record, a piece each, in ``text``.
    """
    required = [*LINE_NAMES, *static]
    whole = encode(line)
    if len(whole.encode()) > MAX_RECORD_BYTES:
        whole = _encode_within_limit(line, MAX_RECORD_BYTES, required, encode)
    number = f"{line.get('pid', 0)}-{next(_numbers)}"
    part_header = _make_part_header(line, frozenset(required), number, limit)
    available = limit - len(encode({**part_header, "text": ""}).encode()) - 1
    # A smaller limit than any setting may be.
    pieces = _split_text(whole, max(_MAX_PART_FIELD_BYTES, available))
    own = {_get_free_field_name(name, value): value for name, value in line.items()}
    first = {**own, "continued_in": number}
    lines = [_encode_within_limit(first, limit - 1, [*required, "continued_in"], encode)]
    for part, text in enumerate(pieces, 1):
        lines.append(encode({**part_header, "part": part, "parts": len(pieces), "text": text}))
    return [f"{each}\n".encode() for each in lines]


def _encode_within_limit(
    line: Fields, limit: int, required: Collection[str], encode: Encode
) -> str:
    """Return a line's JSON in at most `limit` bytes, of what is written in the end.

    By new names it may be longer than what was counted, and by an object that has another text
    each time.
    """
    available = limit
    for _ in range(_MAX_TRIES):
        text = encode(truncate_fields(line, available, required))
        excess = len(text.encode()) - limit
        if excess <= 0:
            break
        available -= excess
    return text


def _get_free_field_name(name: str, value: object) -> str:
    is_ours = name == "truncated" and value is True
    return name if is_ours else free_name(name, _OWN_FIELDS)


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
    parts: dict[str, dict[int, dict[str, Any]]] = {}
    for record in lines:
        if _is_part(record):
            parts.setdefault(record["continues"], {})[record["part"]] = record
        else:
            records.append(record)
    return [_reassemble(record, parts) for record in records]


def _make_part_header(line: Fields, required: frozenset[str], number: str, limit: int) -> Fields:
    """Return the fields of the record that each of its parts repeats."""
    left_out = {"exc_type", "exc_info"}
    names = [name for name in line if name in required and name not in left_out]
    part_header: Fields = {}
    available = limit // 2
    for name in names:
        value = line[name]
        if not isinstance(value, (str, int, float)):
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


def _reassemble(
    record: dict[str, Any], parts: dict[str, dict[int, dict[str, Any]]]
) -> dict[str, Any]:
    record_parts = parts.get(str(record.get("continued_in")), {})
    if not record_parts or len(record_parts) != next(iter(record_parts.values()))["parts"]:
        return record
    text = "".join(record_parts[part]["text"] for part in sorted(record_parts))
    return _parse_line(text) or record


_MIN_TEXT_BYTES = 32  # bytes that are left of a text, at least

_TRUNCATED_FIELD = "truncated"
_TRACEBACKS = ("exc_info", "stack", "stack_info")


def truncate_fields(line: Fields, limit: int, required: Collection[str] = ()) -> Fields:
    """Return `line` with texts cut, and ``"truncated": true``, so that it takes `limit` bytes.

    Fields other than the `required` ones are left out, the last first, where that is still too
    long.
    """
    texts = {
        name: _to_text(value)
        for name, value in line.items()
        if not _is_own_truncated_field(name, value)
    }
    names = {name: free_name(name, {_TRUNCATED_FIELD}) for name in texts}
    fixed = {name: json_size(str(names[name])) + len('"":"",') for name in texts}
    sizes = {name: json_size(text) for name, text in texts.items()}
    available = limit - len(f'{{"{_TRUNCATED_FIELD}":true}}')
    selected = _select_fields(sizes, fixed, available, frozenset(required))
    share = _get_max_text_bytes(
        [sizes[name] for name in selected], available - sum(fixed[name] for name in selected)
    )
    shown = {
        names[name]: line[name]
        if sizes[name] <= share
        else _cut_text(name, texts[name], max(share, 1))
        for name in selected
    }
    return {**shown, _TRUNCATED_FIELD: True}


def _is_own_truncated_field(name: str, value: object) -> bool:
    """Return whether it is our own field: redaction has cut the line before."""
    return name == _TRUNCATED_FIELD and value is True


def _select_fields(
    sizes: dict[str, int], fixed: dict[str, int], available: int, required: frozenset[str]
) -> list[str]:
    """Return the names of the fields to keep: all required ones, and the first of the others."""
    least = {
        name: fixed[name] + min(json_size, _MIN_TEXT_BYTES) for name, json_size in sizes.items()
    }
    available -= sum(cost for name, cost in least.items() if name in required)
    selected = []
    for name, cost in least.items():
        if name in required:
            selected.append(name)
        elif available >= 0:
            available -= cost
            if available >= 0:
                selected.append(name)
    return selected


def _to_text(value: object) -> str:
    """Return a value's own text, or its JSON."""
    if isinstance(value, str):
        return value if value.isascii() else escape_surrogates(value)
    return encode({"": value})[len('{"":') : -1]


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
