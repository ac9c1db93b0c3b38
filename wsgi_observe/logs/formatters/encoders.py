"""A line's fields as strict JSON in UTF-8, in the original text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from json import encoder as _stdlib
from math import isfinite
from typing import Any

from wsgi_observe.logs.fields import Fields, text_of
from wsgi_observe.logs.formatters.truncation import in_utf8
from wsgi_observe.redaction.data import is_dataclass, shown_fields
from wsgi_observe.wsgi.exceptions import any_failure

_DEEPEST = 20


def plain(value: object, above: tuple[int, ...] = ()) -> object:
    """Return `value` in strict JSON's own kinds; never raises.

    :param above: the identities of what `value` stands in, so that a cycle is seen.
    """
    try:
        return _plain(value, above)
    except any_failure() as error:
        return f"<{type(value).__name__}: {type(error).__name__} while it was read>"


def unknown(value: object) -> object:
    """Return what stands for a value that the encoder does not know."""
    if isinstance(value, (set, frozenset)):
        return list(value)
    return shown_fields(value) if is_dataclass(value) else text_of(value)


def _plain(value: object, above: tuple[int, ...]) -> object:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return in_utf8(str(value))
    if isinstance(value, float):
        return float(value) if isfinite(value) else text_of(float(value))
    if isinstance(value, int):
        str(int(value))  # a number with too many digits raises, and is said
        return int(value)
    if isinstance(value, (Mapping, list, tuple, set, frozenset)):
        return _container(value, above)
    return _container(value, above) if is_dataclass(value) else in_utf8(text_of(value))


def _container(value: object, above: tuple[int, ...]) -> object:
    if id(value) in above:
        return "<a cycle>"
    if len(above) >= _DEEPEST:
        return "<too deep>"
    inside = (*above, id(value))
    if is_dataclass(value):
        value = shown_fields(value)
    if isinstance(value, Mapping):
        pairs = list(value.items())
        return {in_utf8(text_of(name)): plain(item, inside) for name, item in pairs}
    assert isinstance(value, (list, tuple, set, frozenset))
    return [plain(item, inside) for item in list(value)]


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
