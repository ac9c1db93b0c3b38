"""A value that is never changed, and is told, compared and copied by what it holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NoReturn, Self


class FrozenDict(dict[Any, Any]):
    """A dictionary that is never changed, and that has a hash.

    Not a ``MappingProxyType``, which can be neither pickled nor, before Python 3.12, hashed.
    """

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self))  # not of the values, which may have none

    def __reduce__(self) -> tuple[Any, ...]:
        return FrozenDict, (dict(self),)

    def copy(self) -> Self:
        """Return the dictionary itself."""
        return self

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError(f"{type(self).__name__} cannot be changed: {self!r}")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse


def frozen(value: Any) -> Any:
    """Return a copy of containers that cannot be changed, and anything else itself.

    :raises RecursionError: for a container that holds itself.
    """
    if isinstance(value, Mapping):
        return FrozenDict({name: frozen(item) for name, item in value.items()})
    if isinstance(value, (set, frozenset)):
        return frozenset(value)
    return tuple(map(frozen, value)) if type(value) in (list, tuple) else value


class Frozen:
    """A frozen value.

    Not a dataclass: `dataclasses` brings `inspect` along and compiles each class anew, together
    a quarter of what ``import wsgi_observe`` would take.
    """

    _names: ClassVar[tuple[str, ...]]
    """What it holds, in this order."""

    def __init__(self, /, **values: Any) -> None:
        vars(self).update(values)

    def replace(self, /, **changes: Any) -> Self:
        """Return a copy with these changes; they are checked like what was given at first."""
        return type(self)(**{**self._values(), **changes})

    __replace__ = replace  # copy.replace, Python 3.13

    def _values(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self._names}

    def _is_shown(self, name: str) -> bool:
        """Return whether the ``repr`` has it; it leaves out what is secret."""
        return True

    def __repr__(self) -> str:
        values = self._values().items()
        shown = (f"{name}={value!r}" for name, value in values if self._is_shown(name))
        return f"{type(self).__name__}({', '.join(shown)})"

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return self._values() == other._values()

    def __hash__(self) -> int:
        # A function is equal to itself alone, and an object that is called may have no hash.
        return hash(tuple(value for value in self._values().values() if not callable(value)))

    def __setattr__(self, name: str, value: object) -> None:
        raise self._refusal(name)

    def __delattr__(self, name: str) -> None:
        raise self._refusal(name)

    def _refusal(self, name: str) -> AttributeError:
        from dataclasses import FrozenInstanceError  # the one that everybody knows

        return FrozenInstanceError(f"{type(self).__name__} is frozen; its {name} cannot be changed")
