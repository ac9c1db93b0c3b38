"""Immutable containers, for values that are checked once and then shared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn


class FrozenDict(dict[Any, Any]):
    """An immutable dictionary with a hash.

    Not a ``MappingProxyType``, which can be neither pickled nor, before Python 3.12, hashed.
    """

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self))  # not of the values, which may have none

    def __reduce__(self) -> tuple[Any, ...]:
        return FrozenDict, (dict(self),)

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError(f"{type(self).__name__} cannot be changed: {self!r}")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse


def freeze(value: Any) -> Any:
    """Return an immutable copy of nested containers; any other value as it is.

    :raises RecursionError: for a container that contains itself.
    """
    if isinstance(value, Mapping):
        return FrozenDict({name: freeze(item) for name, item in value.items()})
    if isinstance(value, (set, frozenset)):
        return frozenset(value)
    return tuple(map(freeze, value)) if type(value) in (list, tuple) else value
