"""The parts that a stack with an access line cannot do without, each by itself."""

from __future__ import annotations

import json
import logging
import os
from contextvars import ContextVar

import orjson

from benchmarks.apps import trivial
from benchmarks.peers.noop import NoOp
from benchmarks.requests import request
from benchmarks.rounds import Subject, repeated

TIMES = 10
"""So many calls for one of anything else: each is over in a fraction of a microsecond."""

# What an access line says, as docs/access-lines.md shows it.
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
