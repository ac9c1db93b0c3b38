"""Any value as one that JSON has a form for; what has none is said in its place."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite

from wsgi_observe.core.failures import any_failure
from wsgi_observe.core.objects import is_dataclass, shown_fields
from wsgi_observe.logs.cut import in_utf8
from wsgi_observe.logs.fields import text_of

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
