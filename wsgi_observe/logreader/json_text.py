"""JSON decoder for untrusted text: with orjson where it is installed, with `json` for the rest."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

_loads: Callable[[bytes | str], Any] | None
try:
    from orjson import loads as _loads
except ImportError:
    _loads = None

# Accepts what orjson refuses and some encoders write: NaN, 1e999, lone surrogates, control
# characters in strings.
_decode = json.JSONDecoder(strict=False).decode


def decode(text: bytes | str) -> Any:
    """Return the value of a JSON text; None where it is none, or nested too deeply.

    >>> decode(b'{"a": 1e999}'), decode("{" * 100_000)
    ({'a': inf}, None)
    """
    if _loads is not None:
        try:
            return _loads(text)
        except ValueError:
            pass
    if not isinstance(text, str):
        text = text.decode("utf-8", "replace")
    try:
        return _decode(text)
    except (ValueError, RecursionError):
        return None
