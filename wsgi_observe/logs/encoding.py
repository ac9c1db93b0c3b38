"""A line's fields as strict JSON in UTF-8, in the original text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from json import encoder as _stdlib
from typing import Any

from wsgi_observe.core.failures import any_failure
from wsgi_observe.logs.plain import plain, unknown
from wsgi_observe.logs.request_fields import Fields

Encode = Callable[[Fields], bytes]


def encode(line: Fields) -> bytes:
    """Return the JSON text of `line`, without a newline, whatever is in it; never raises."""
    try:
        return "".join(_chunks(line, 0)).encode()
    except any_failure():  # NaN, a cycle, a key that is no text, a lone surrogate, …
        return "".join(_chunks(plain(line), 0)).encode()


def _make_encoder() -> Callable[[Any, int], Iterable[str]]:
    """Return the encoder, made once: `json` makes its own anew for each call."""
    made = getattr(_stdlib, "c_make_encoder", None)
    if made is None:
        kept = json.JSONEncoder(
            ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=unknown
        )
        return lambda line, _: (kept.encode(line),)
    # Without markers a cycle is a RecursionError, which is as good, and leaves no state behind.
    encoder: Callable[[Any, int], Iterable[str]] = made(
        None, unknown, _stdlib.encode_basestring, None, ":", ",", False, False, False
    )
    return encoder


_chunks = _make_encoder()
