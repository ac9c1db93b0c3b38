"""The floor: the parts that a stack with an access line cannot do without, each by itself."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Sequence
from contextvars import ContextVar

import orjson

from benchmarks.apps import trivial
from benchmarks.costs import Cost, Series
from benchmarks.peers.minimal import NoOp
from benchmarks.timing import Subject, repeated, request

FLOOR = "The parts that the floor is made of"

TIMES = 10
"""So many calls for one of anything else: each is over in a fraction of a microsecond."""

# An access line, as docs/access-lines.md shows it.
LINE = {
    "timestamp": "2026-11-22T16:46:25.900Z",
    "level": "INFO",
    "logger": "wsgi_observe.access",
    "module": "access_log",
    "message": "GET / 200",
    "pid": 22617,
    "request_id": "01a20426de6971639deac60204342e73",
    "method": "GET",
    "path": "/",
    "remote_addr": "127.0.0.1",
    "status_code": 200,
    "duration_ms": 3.114,
    "response_bytes": 145,
    "outcome": "complete",
    "ttfb_ms": 2.861,
    "user_agent": "curl/7.88.1",
}

PARTS = {
    "wrapped call": ("a wrapped call", "bare call"),
    "contextvar": ("a contextvar set and put back", "nothing"),
    "random bytes": ("16 random bytes", "nothing"),
    "LogRecord": ("a LogRecord", "nothing"),
    "json": ("one JSON dump of an access line", "nothing"),
    "orjson": ("the same by orjson", "nothing"),
    "write": ("one write", "nothing"),
}
"""What the floor is made of, and what is taken off each part."""

_SILENT = ("wrapped call", "contextvar", "random bytes")

SUMS = {
    "stack": ("no access line", "json", _SILENT),
    "stack with line": ("JSON access line", "json", (*_SILENT, "json", "write")),
    "stack with line, orjson": (
        "JSON access line, orjson",
        "orjson",
        (*_SILENT, "orjson", "write"),
    ),
}
"""What the stack is compared with: its name, where it was measured, the parts of its floor."""

_bound: ContextVar[object] = ContextVar("benchmarks.floor", default=None)


def subjects() -> dict[str, Subject]:
    """Return each part, and the empty call that is taken off."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    text = orjson.dumps(LINE) + b"\n"
    calls = {
        "nothing": lambda: None,
        "bare call": request(trivial),
        "wrapped call": request(NoOp(trivial)),
        "contextvar": _set_and_put_back,
        "random bytes": lambda: os.urandom(16),
        "LogRecord": lambda: logging.LogRecord("shop", logging.INFO, "shop.py", 7, "m", (), None),
        "json": lambda: encode(LINE),
        "orjson": lambda: orjson.dumps(LINE),
        "write": lambda: os.write(nowhere, text),
    }
    return {name: repeated(call, TIMES) for name, call in calls.items()}


def _set_and_put_back() -> None:
    before = _bound.get()
    _bound.set(LINE)
    _bound.set(before)


def costs() -> list[Cost]:
    """Return what each part costs, and how many floors the stack does."""
    return [
        *(
            Cost(FLOOR, what, f"floor: {name}", f"floor: {minus}", "json: Flask")
            for name, (what, minus) in PARTS.items()
        ),
        *(
            cost
            for name, (what, _, _) in SUMS.items()
            for cost in (
                Cost(FLOOR, f"floor, {what}", f"floor of {name}", by="json: Flask"),
                Cost(FLOOR, f"stack on a trivial app ÷ floor, {what}", f"over {name}", unit=""),
            )
        ),
    ]


def derive(series: Series) -> dict[str, Sequence[float]]:
    """Return the sums of the parts, and how many of them the stack costs on a trivial app."""
    derived: dict[str, Sequence[float]] = {}
    for name, (_, program, parts) in SUMS.items():
        whole = series.get(f"{program}: trivial, {name.removesuffix(', orjson')}")
        bare = series.get(f"{program}: trivial")
        if not (whole and bare and f"floor: {parts[0]}" in series):
            continue
        columns = zip(*(_part(series, part) for part in parts), strict=True)
        floor = derived[f"floor of {name}"] = [sum(column) for column in columns]
        rounds = zip(whole, bare, floor, strict=True)
        derived[f"over {name}"] = [(more - less) / least for more, less, least in rounds]
    return derived


def _part(series: Series, name: str) -> list[float]:
    minus = series[f"floor: {PARTS[name][1]}"]
    rounds = zip(series[f"floor: {name}"], minus, strict=True)
    return [more - less for more, less in rounds]
