"""JSON encoder: a line's fields as strict JSON, in the original text, whatever is in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from json import encoder as _stdlib
from math import isfinite
from typing import Any

from wsgi_observe.logs.fields import Fields, safe_str
from wsgi_observe.logs.formatters.truncation import escape_surrogates
from wsgi_observe.redaction.data import get_repr_fields, is_dataclass
from wsgi_observe.wsgi.exceptions import any_failure

_MAX_DEPTH = 20


def to_json_types(value: object, ancestors: tuple[int, ...] = ()) -> object:
    """Return `value` in types of strict JSON; never raises.

    :param ancestors: the identities of the containers that `value` is in, to detect cycles.
    """
    try:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return escape_surrogates(str(value))
        if isinstance(value, float):
            return float(value) if isfinite(value) else safe_str(float(value))
        if isinstance(value, int):
            str(int(value))  # raises for a number with too many digits
            return int(value)
        if isinstance(value, (Mapping, list, tuple, set, frozenset)) or is_dataclass(value):
            return _convert_container(value, ancestors)
        return escape_surrogates(safe_str(value))
    except any_failure() as error:
        return f"<{type(value).__name__}: {type(error).__name__} while it was read>"


def encode_unknown(value: object) -> object:
    """Return a substitute for a value of a type that the encoder does not support."""
    if isinstance(value, (set, frozenset)):
        return list(value)
    return get_repr_fields(value) if is_dataclass(value) else safe_str(value)


def _convert_container(value: object, ancestors: tuple[int, ...]) -> object:
    if id(value) in ancestors:
        return "<a cycle>"
    if len(ancestors) >= _MAX_DEPTH:
        return "<too deep>"
    enclosing = (*ancestors, id(value))
    if is_dataclass(value):
        value = get_repr_fields(value)
    if isinstance(value, Mapping):
        pairs = list(value.items())  # at once: another thread may change it
        return {
            escape_surrogates(safe_str(name)): to_json_types(item, enclosing)
            for name, item in pairs
        }
    assert isinstance(value, (list, tuple, set, frozenset))
    return [to_json_types(item, enclosing) for item in list(value)]


Encode = Callable[[Fields], str]


def encode(line: Fields) -> str:
    """Return the JSON text of `line`, without a newline, whatever is in it; never raises."""
    try:
        text = "".join(_encode_chunks(line, 0))
        if not text.isascii():
            text.encode()  # raises for a lone surrogate, which UTF-8 has no form for
        return text
    except any_failure():  # NaN, a cycle, a key that is no text, …
        return "".join(_encode_chunks(to_json_types(line), 0))


# Made once: `json` makes one for each call. Without markers a cycle is a RecursionError, and no
# state is left after it.
_make_encoder: Callable[..., Callable[[Any, int], Iterable[str]]] = vars(_stdlib)["c_make_encoder"]
_encode_chunks = _make_encoder(
    None, encode_unknown, _stdlib.encode_basestring, None, ":", ",", False, False, False
)
